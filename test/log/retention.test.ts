import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Entry } from '../../src/log/entry.ts';
import { type Hold, holdLines, releaseLines } from '../../src/log/hold.ts';
import { type Policy, policyLines, type RetentionClass } from '../../src/log/policy.ts';
import { ageFrom, type Kept, later, Retention } from '../../src/log/retention.ts';

const DAY_0 = '2026-01-01T00:00:00.000000Z';
/** A time so many days behind genesis. */
const day = (n: number): string => later(DAY_0, n);
const A_MOMENT = 1e-6 / 86_400;

/** A log of policies, holds and releases, each on a day. */
class Log {
  readonly retention: Retention = new Retention(DAY_0);
  #next = 1;

  policy(on: number, classes: Partial<RetentionClass>, more: Partial<Policy> = {}): number {
    const own = { name: 'default', min: 0, age: 'sealed' as const, basis: [], ...classes };
    const policy: Policy = {
      presets: [],
      classes: [own, ...(more.classes ?? [])],
      rules: [],
      grace: more.grace ?? 7,
      redactAny: more.redactAny ?? false,
      retroactive: more.retroactive ?? false,
    };
    return this.#add('policy', on, policyLines(policy));
  }

  hold(on: number, about: Partial<Hold>): boolean {
    const hold = { id: '00000001', reason: 'case', by: 'legal', segments: [], ...about };
    return this.#add('hold', on, holdLines(hold)) >= 0;
  }

  release(on: number, id = '00000001'): boolean {
    return this.#add('release', on, releaseLines({ id, reason: 'over', by: 'legal' })) >= 0;
  }

  /** Something was sealed before what comes now. */
  sealed(): this {
    this.#next++;
    return this;
  }

  /** Its number; -1 if it was refused. */
  #add(kind: string, on: number, lines: Entry['lines']): number {
    const index = this.#next++;
    const entry = { origin: 'test.example/log', index, kind, version: 1, at: day(on), lines };
    return this.retention.add(entry) ? index : -1;
  }

  /** May it be deleted on that day? */
  may(segment: Kept, on: number): boolean {
    return this.retention.refusal(segment, day(on)) === undefined;
  }
}

const segment = (on: number, policy: number, more: Partial<Kept> = {}): Kept => ({
  segment: 0,
  class: 'default',
  policy,
  at: day(on),
  span: { from: day(on - 1), to: day(on - 0.5) },
  ...more,
});

test('without a policy nothing is ever deleted', () => {
  const log = new Log();
  assert.deepEqual(log.retention.refusal(segment(1, 0), day(36_525)), {
    why: 'policy',
    policy: 0,
    until: undefined,
  });
  assert.equal(log.retention.freeFrom(segment(1, 0), day(1)), undefined);
  assert.equal(log.retention.due(segment(1, 0)), undefined);
});

test('a segment may go once its minimum is over, to the microsecond, and is due at its maximum', () => {
  const log = new Log();
  const policy = log.policy(0, { min: 30, max: 90 });
  const one = segment(10, policy);
  assert.ok(!log.may(one, 40 - A_MOMENT));
  assert.ok(log.may(one, 40));
  assert.equal(log.retention.due(one), day(100));
  assert.equal(log.retention.freeFrom(one, day(12)), day(40));
});

test('a policy right behind genesis has none before it that would bind', () => {
  const log = new Log();
  const policy = log.policy(0.5, { min: 0 });
  assert.ok(log.may(segment(0.5, policy), 0.5));
  log.policy(3, { min: 0 }, { grace: 9 });
  assert.deepEqual(
    log.retention.binding(day(4)).map(p => p.entry),
    [policy, 2],
  );
});

test('a policy set once something was sealed: that of genesis binds for its grace, then no more for what was sealed since', () => {
  const log = new Log().sealed();
  const policy = log.policy(0, { min: 0 });
  const since = segment(1, policy);
  assert.ok(!log.may(since, 7 - A_MOMENT));
  assert.ok(log.may(since, 7));
  const before = segment(0, 0);
  assert.ok(!log.may(before, 3000), 'what was sealed before it is kept for ever');
});

test('what was sealed before is let go by a policy that is retroactive, behind the grace', () => {
  const log = new Log().sealed();
  log.policy(5, { min: 3 }, { retroactive: true });
  const one = segment(0, 0);
  assert.ok(!log.may(one, 12 - A_MOMENT));
  assert.ok(log.may(one, 12));
});

test('loosening twice, quickly, is no faster: each predecessor binds for its own grace', () => {
  const log = new Log();
  const strict = log.policy(0, { min: 365 }, { grace: 60 });
  log.policy(400, { min: 300 }, { retroactive: true });
  log.policy(400.001, { min: 0 }, { retroactive: true });
  const one = segment(200, strict);
  assert.ok(!log.may(one, 460 - A_MOMENT));
  assert.ok(log.may(one, 460));
});

test('retroactive does not free at once what the policy before it kept by its own policy', () => {
  const log = new Log();
  const strict = log.policy(0, { min: 3650 });
  const one = segment(100, strict);
  log.policy(200, { min: 1 });
  // A year later the strict policy's grace is long over: the segment is kept because the second one let it speak.
  assert.ok(!log.may(one, 599));
  log.policy(600, { min: 1 }, { retroactive: true, grace: 30 });
  assert.ok(!log.may(one, 600));
  assert.ok(!log.may(one, 607 - A_MOMENT));
  assert.ok(log.may(one, 607));
  assert.equal(log.retention.freeFrom(one, day(600)), day(607));
});

test('a policy that is not retroactive lets the own one speak again', () => {
  const log = new Log();
  const strict = log.policy(0, { min: 3650 });
  log.policy(100, { min: 1 }, { retroactive: true });
  assert.ok(log.may(segment(50, strict), 200));
  log.policy(300, { min: 1 });
  assert.ok(!log.may(segment(50, strict), 400));
});

test('tightening binds at once, also what was sealed under a looser policy', () => {
  const log = new Log();
  const loose = log.policy(0, { min: 1, max: 10 });
  assert.ok(log.may(segment(1, loose), 50));
  log.policy(60, { min: 365 });
  assert.ok(!log.may(segment(1, loose), 61));
  assert.equal(log.retention.due(segment(1, loose)), undefined);
});

test('a class that a policy does not have is kept as its class default', () => {
  const log = new Log();
  const auth = { name: 'auth', min: 700, age: 'sealed', basis: [] } as const;
  const both = log.policy(0, { min: 10 }, { classes: [auth] });
  log.policy(20, { min: 30 }, { retroactive: true });
  const one = segment(1, both, { class: 'auth' });
  assert.ok(!log.may(one, 27 - A_MOMENT), 'the policy before it binds still');
  assert.ok(!log.may(one, 31 - A_MOMENT));
  assert.ok(log.may(one, 31));
});

test('a manifest that names no policy there ever was is kept for ever, as by genesis', () => {
  const log = new Log();
  log.policy(0, { min: 0 });
  assert.ok(!log.may(segment(1, 99), 3000));
});

test('age by record counts from the newest record, and never from later than the sealing', () => {
  const log = new Log();
  const policy = log.policy(0, { min: 30, age: 'record' });
  const late = segment(100, policy, { span: { from: day(10), to: day(20) } });
  assert.ok(!log.may(late, 50 - A_MOMENT));
  assert.ok(log.may(late, 50));
  const future = segment(100, policy, { span: { from: day(10), to: day(9000) } });
  assert.equal(ageFrom(future, log.retention.newest.policy), day(100));
  assert.ok(!log.may(future, 130 - A_MOMENT));
  assert.ok(log.may(future, 130));
  const { span: _, ...empty } = segment(100, policy);
  assert.equal(ageFrom(empty, log.retention.newest.policy), day(100));
});

test('rows may be redacted before the minimum where every policy that binds says so', () => {
  const log = new Log();
  const first = log.policy(0, { min: 365 });
  const one = segment(10, first);
  const redacted = (on: number): boolean => log.retention.refusal(one, day(on), true) === undefined;
  assert.ok(!redacted(20));
  log.policy(30, { min: 365 }, { redactAny: true });
  assert.ok(!redacted(50), 'its own policy does not');
  log.policy(60, { min: 365 }, { redactAny: true, retroactive: true });
  assert.ok(!redacted(67 - A_MOMENT));
  assert.ok(redacted(67));
  assert.ok(!log.may(one, 70), 'it is not deleted whole');
  log.hold(80, { segments: [[0, 0]] });
  assert.ok(!redacted(90), 'nor redacted under a hold');
});

test('a hold keeps what every policy lets go, until its release is a grace old', () => {
  const log = new Log();
  const policy = log.policy(0, { min: 0 }, { grace: 14 });
  log.hold(10, { segments: [[0, 4]] });
  const one = segment(1, policy, { segment: 4 });
  assert.deepEqual(log.retention.refusal(one, day(50)), { why: 'hold', hold: '00000001' });
  assert.ok(log.may({ ...one, segment: 5 }, 50));
  assert.equal(log.retention.freeFrom(one, day(50)), undefined);
  assert.ok(log.release(100));
  assert.ok(!log.may(one, 114 - A_MOMENT));
  assert.ok(log.may(one, 114));
  assert.equal(log.retention.freeFrom(one, day(100)), day(114));
});

test('a shorter grace set just before a release does not hasten it', () => {
  const log = new Log();
  const policy = log.policy(0, { min: 0 }, { grace: 365 });
  log.hold(10, { segments: [[0, 0]] });
  log.policy(400, { min: 0 }, { grace: 7 });
  log.release(400.001);
  const one = segment(1, policy);
  assert.ok(!log.may(one, 408));
  assert.ok(!log.may(one, 765));
  assert.ok(log.may(one, 765.001));
});

test('a longer grace set after a release does not prolong it', () => {
  const log = new Log();
  const policy = log.policy(0, { min: 0 });
  log.hold(10, { segments: [[0, 0]] });
  log.release(20);
  log.policy(21, { min: 0 }, { grace: 365 });
  assert.ok(log.may(segment(1, policy), 28));
});

test('released, then held again: the new hold binds at once, and the old release is no release of it', () => {
  const log = new Log();
  const policy = log.policy(0, { min: 0 });
  log.hold(10, { segments: [[0, 0]] });
  log.release(20);
  assert.ok(!log.release(21), 'it was released before');
  assert.ok(!log.hold(22, { segments: [[0, 0]] }), 'an id is used once');
  assert.ok(!log.release(22, 'ffffffff'), 'there is no such hold');
  assert.ok(log.hold(25, { id: '00000002', segments: [[0, 0]] }));
  const one = segment(1, policy);
  assert.deepEqual(log.retention.refusal(one, day(60)), { why: 'hold', hold: '00000002' });
  assert.deepEqual(
    log.retention.holdsOn(one, day(26)).map(h => h.id),
    ['00000001', '00000002'],
  );
});

test('a hold on a span covers every segment with a record in it, of later too; without records, by its sealing', () => {
  const log = new Log();
  log.policy(0, { min: 0 });
  log.hold(10, { span: { since: day(100), until: day(200) } });
  const held = (from: number, to: number): boolean =>
    log.retention.holdOn(segment(1, 1, { span: { from: day(from), to: day(to) } }), day(500)) !== undefined;
  assert.ok(held(150, 160));
  assert.ok(held(50, 100), 'the first moment belongs to it');
  assert.ok(!held(50, 100 - A_MOMENT));
  assert.ok(!held(200, 300), 'the last one does not');
  assert.ok(held(200 - A_MOMENT, 300));
  assert.ok(held(0, 900));
  const { span: _, ...empty } = segment(150, 1);
  assert.ok(log.retention.holdOn(empty, day(500)));
  assert.ok(!log.retention.holdOn({ ...empty, at: day(250) }, day(500)));
  log.hold(11, { id: '00000002', span: { since: day(300) } });
  log.hold(12, { id: '00000003', span: {} });
  assert.deepEqual(
    log.retention.holdsOn(segment(1, 1, { span: { from: day(400), to: day(401) } }), day(500)).map(h => h.id),
    ['00000002', '00000003'],
  );
});

test('a time to go is the first at which nothing refuses, for every log', () => {
  const events = fc.array(
    fc.record({
      kind: fc.constantFrom('policy', 'hold', 'release'),
      days: fc.integer({ min: 0, max: 40 }),
      min: fc.integer({ min: 0, max: 200 }),
      grace: fc.integer({ min: 7, max: 60 }),
      retroactive: fc.boolean(),
      age: fc.constantFrom('sealed' as const, 'record' as const),
    }),
    { maxLength: 8 },
  );
  fc.assert(
    fc.property(events, fc.nat(8), fc.nat(100), (all, own, now) => {
      const log = new Log();
      let on = 0;
      const made = [0];
      for (const [i, { kind, days, min, grace, retroactive, age }] of all.entries()) {
        on += days;
        if (kind === 'policy') made.push(log.policy(on, { min, age }, { grace, retroactive }));
        if (kind === 'hold') log.hold(on, { id: `0000000${i}`, segments: [[0, 0]] });
        if (kind === 'release') log.release(on, log.retention.holds.find(h => !h.release)?.id);
      }
      const one = segment(3, made[own % made.length]!);
      const from = day(on + now);
      const free = log.retention.freeFrom(one, from);
      if (free === undefined) return assert.ok(log.retention.refusal(one, day(30_000)));
      assert.ok(free >= from);
      assert.equal(log.retention.refusal(one, free), undefined);
      if (free > from) assert.ok(log.retention.refusal(one, later(free, -A_MOMENT)));
      for (const after of [1, 50, 1000])
        assert.equal(log.retention.refusal(one, later(free, after)), undefined);
    }),
    { numRuns: 500 },
  );
});
