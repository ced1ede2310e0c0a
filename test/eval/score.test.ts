import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Benign } from '../../fixtures/eval/benign.ts';
import { type Episode, score } from '../../fixtures/eval/score.ts';
import { DAY_US, FROM_US, HOUR_US } from '../../fixtures/eval/weeks.ts';
import { eventAt, incidentOf } from './made.ts';

const DAY = FROM_US + 30 * DAY_US;
const spike = incidentOf('requests of a user', {
  from: DAY + 9 * HOUR_US,
  to: DAY + 11 * HOUR_US,
  entity: { user_id: 'ada' },
  keys: ['user_id'],
  families: ['user-requests'],
  records: Array.from({ length: 20 }, (_, i) =>
    eventAt(DAY + 9 * HOUR_US + i * 60_000_000, { user: 'ada', ip: '10.0.0.1' }),
  ),
});
const others = Array.from({ length: 100 }, (_, i) =>
  eventAt(DAY + 9 * HOUR_US + i * 30_000_000, { user: 'bodo', ip: '10.0.0.2' }),
);
const world = { events: [...spike.records, ...others], incidents: [spike], benign: [] };

const told = (
  family: Episode['facets'][number]['family'],
  entity: Episode['facets'][number]['entity'],
  hour = 9,
): Episode => ({
  facets: [{ family, entity }],
  from: DAY + hour * HOUR_US,
  to: DAY + (hour + 1) * HOUR_US,
  known: DAY + (hour + 1) * HOUR_US,
});

test('an episode of the same records at the same time finds an incident, and its delay counts from the beginning', () => {
  const { told: found, vain } = score([told('user-requests', { user_id: 'ada' })], world);
  assert.deepEqual(found[0]!.by, { delay: 1, isEntity: true, isFamily: true });
  assert.equal(vain.length, 0);
});

test('an episode that names only what the incident ran through finds it, and has not named it', () => {
  const { told: found } = score([told('address-requests', { client_ip: '10.0.0.1' })], world);
  assert.deepEqual(found[0]!.by, { delay: 1, isEntity: false, isFamily: false });
});

test('an incident counts once, however many episodes tell of it, and the first says when it was known', () => {
  const scored = score(
    [told('user-requests', { user_id: 'ada' }, 10), told('user-tokens', { user_id: 'ada' })],
    world,
  );
  assert.equal(scored.again, 1);
  assert.equal(scored.vain.length, 0);
  assert.deepEqual(scored.told[0]!.by, { delay: 1, isEntity: true, isFamily: true });
});

test('another user at the same time, and the same user at another, are told in vain', () => {
  const scored = score(
    [told('user-requests', { user_id: 'bodo' }), told('user-requests', { user_id: 'ada' }, 15)],
    world,
  );
  assert.equal(scored.told[0]!.by, undefined);
  assert.equal(scored.vain.length, 2);
});

test('one of whom most of an incident of all was finds it, and has not named it', () => {
  const all = incidentOf('requests of all', {
    ...spike,
    entity: {},
    keys: [],
    families: ['requests'],
    records: others,
  });
  const events = [
    ...others,
    ...Array.from({ length: 500 }, (_, i) => eventAt(DAY + 9 * HOUR_US + i, { user: `u${i}` })),
  ];
  const { told: found } = score([told('user-requests', { user_id: 'bodo' })], {
    events,
    incidents: [all],
    benign: [],
  });
  assert.equal(found[0]!.by?.isEntity, false);
});

test('what falls on something benign is in vain all the same, and on what was announced is not counted', () => {
  const on = (name: Benign['name'], hour: number, isAnnounced: boolean): Benign => ({
    name,
    from: DAY + hour * HOUR_US,
    to: DAY + (hour + 1) * HOUR_US,
    isAnnounced,
  });
  const benign = [on('load test', 3, true), on('launch', 20, false)];
  const episodes = [told('requests', {}, 3), told('requests', {}, 20), told('requests', {}, 15)];
  const scored = score(episodes, { events: [], incidents: [], benign });
  assert.equal(scored.announced, 1);
  assert.deepEqual(
    scored.vain.map(v => v.on),
    ['launch', undefined],
  );
});
