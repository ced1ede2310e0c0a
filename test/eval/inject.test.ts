import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Event } from '../../fixtures/eval/event.ts';
import { type Class, CLASSES, STRENGTHS } from '../../fixtures/eval/incident.ts';
import { planOf, VARIANTS } from '../../fixtures/eval/inject.ts';
import { KINDS } from '../../fixtures/eval/kinds.ts';
import { Past } from '../../fixtures/eval/past.ts';
import { MADE_UP } from '../../fixtures/eval/shapes.ts';
import { DAY_US, DAYS, FROM_US, HOUR_US } from '../../fixtures/eval/weeks.ts';
import { seeded } from '../../fixtures/traffic/random.ts';
import { eventAt } from './made.ts';

const MODELS = ['llama-3.2-3b-instruct', 'qwen2.5-7b-instruct', 'phi-4-mini', 'gemma-3-4b'];

/** Four users at one address, each with ten requests an hour from 9 to 12 on every day, as evenly as that. */
const events: Event[] = Array.from({ length: DAYS * 4 * 4 * 10 }, (_, i) => {
  const [day, hour, user, n] = [
    Math.floor(i / 160),
    9 + (Math.floor(i / 40) % 4),
    Math.floor(i / 10) % 4,
    i % 10,
  ];
  const at = FROM_US + day * DAY_US + hour * HOUR_US + n * 300_000_000 + user;
  return eventAt(at, { user: `user-${user}`, model: MODELS[n % 4]!, input: 1000, output: 200 });
});
const month = {
  seed: 1,
  shapes: MADE_UP,
  people: [],
  hours: Array.from({ length: DAYS * 24 }, (_, i) => ({ day: i / 24, load: 0.5, failing: 0 })),
  events,
  benign: [],
  past: new Past(events),
};
const put = (name: Class, strength: number) =>
  KINDS[name]({ r: seeded(1, 2), month, past: month.past, strength, day: FROM_US + 30 * DAY_US });
const inside = (name: Class, strength: number): Event[] => {
  const { incident } = put(name, strength);
  return events.filter(e => e.at >= incident.from && e.at < incident.to);
};

test('the months of a seed have each class once at each strength, on days of their own', () => {
  const all = Array.from({ length: VARIANTS }, (_, variant) => planOf(7, variant));
  const names = all.flat().map(p => `${p.class} ${p.strength}`);
  assert.equal(new Set(names).size, names.length);
  assert.equal(names.length, Object.keys(CLASSES).length * STRENGTHS.length);
  for (const plan of all) assert.equal(new Set(plan.map(p => p.day)).size, plan.length);
});

test('what is added comes between its beginning and its end, and is what it is said to be of', () => {
  const unusual = new Set<Class>(['requests of all', 'requests of a model', 'failed logins, then a success']);
  for (const name of Object.keys(CLASSES) as Class[]) {
    const { incident, added } = put(name, 4);
    assert.ok(incident.to > incident.from, name);
    for (const e of added) assert.ok(e.at >= incident.from && e.at < incident.to, name);
    const { user_id: user } = incident.entity;
    if (user !== undefined && !unusual.has(name))
      assert.ok(
        added.every(e => e.user === user),
        name,
      );
  }
});

test('a strength is a multiple of what is usual', () => {
  assert.equal(put('requests of a user', 4).added.length, 2 * 4 * 10);
  assert.equal(put('requests of an address', 2).added.length, 2 * 2 * 40);
  assert.equal(put('a new address', 10).added.length, 200);
  assert.equal(put('the same prompt', 2).added.length, 24);
  const tokens = put('tokens of a user', 10).added.reduce((sum, e) => sum + e.input! + e.output!, 0);
  assert.ok(Math.abs(tokens / (10 * 40 * 1200) - 1) < 0.1, `${tokens}`);
});

test('the same prompt comes evenly, and is nobody else’s', () => {
  const { added } = put('the same prompt', 4);
  const gaps = added.slice(1).map((e, i) => e.at - added[i]!.at);
  assert.ok(Math.max(...gaps) / Math.min(...gaps) < 1.2);
  assert.equal(new Set(added.map(e => e.prompt)).size, 1);
  assert.ok(events.every(e => e.prompt !== added[0]!.prompt));
});

test('failures, latency and builds change records of the model alone, silence takes all', () => {
  for (const name of ['failures of a model', 'latency of a model', 'failures of a new build'] as const) {
    const { incident, change } = put(name, 10);
    const own = inside(name, 10);
    const changed = own.filter(e => change!(e) !== e);
    assert.ok(changed.length > 0, name);
    assert.ok(
      changed.every(e => e.model === incident.entity.model),
      name,
    );
  }
  const slow = put('latency of a model', 10);
  const one = inside('latency of a model', 10).find(e => e.model === slow.incident.entity.model)!;
  assert.equal(slow.change!(one)!.latency, 10 * one.latency);
  assert.equal(put('silence', 4).change!(events[0]!), undefined);
});
