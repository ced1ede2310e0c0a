import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findAnomalies } from '../../src/anomaly/anomalies.ts';
import { anomaliesPage } from '../../src/anomaly/page.ts';
import { withRecords } from '../asked.ts';
import { asked, at, DAY, dice, HOUR, MONDAY, ordinary, withMonth } from './month.ts';

test('an empty store, and one without requests: nothing is judged, and that is said', async () => {
  const page = await withRecords([], asker => anomaliesPage(asker, { zone: 'UTC' }));
  assert.deepEqual([page.summary, page.sections, page.notes], [['There are no records.'], [], []]);
  const admin = await withRecords([{ ts: at(MONDAY), event_type: 'admin' }], asker =>
    findAnomalies(asker, {}),
  );
  assert.equal(admin.tested, 0);
  assert.ok(admin.notes.includes('there are no requests to count'), admin.notes.join('; '));
});

test('a time without records is said to be that, not judged backwards', async () => {
  const records = [asked(MONDAY, { user_id: 'a', client_ip: '10.0.0.1' })];
  const [behind, before] = await withRecords(records, async asker => [
    await findAnomalies(asker, { since: at(MONDAY + DAY) }),
    await findAnomalies(asker, { until: at(MONDAY) }),
  ]);
  for (const { since, until, records: n, notes } of [behind, before])
    assert.deepEqual([since, until, n, notes], [null, null, 0, ['there are no records in this time']]);
});

test('records of one second have nothing to be compared with', async () => {
  const records = Array.from({ length: 300 }, (_, i) =>
    asked(MONDAY + i * 1000, { user_id: 'a', client_ip: '10.0.0.1' }),
  );
  const { episodes, tested, notes } = await withMonth(records, asker => findAnomalies(asker, {}));
  assert.deepEqual([episodes, tested], [[], 0]);
  assert.match(notes[0]!, /less than an hour/);
});

test('three days: users are not judged', async () => {
  const { episodes, families, notes } = await withMonth(ordinary(3), asker => findAnomalies(asker, {}));
  assert.deepEqual(episodes, []);
  assert.equal(
    families.filter(f => f.family.startsWith('user-')).reduce((n, f) => n + f.tested, 0),
    0,
  );
  assert.match(notes[0]!, /^there are 2 days of history/);
});

test('one user, day by day the same: nothing', async () => {
  const r = dice(3);
  const records = Array.from({ length: 40 * 60 }, (_, i) =>
    asked(MONDAY + Math.floor(i / 60) * DAY + (9 + 8 * r()) * HOUR, { user_id: 'a', client_ip: '10.0.0.1' }),
  );
  const { episodes, tested } = await withMonth(records, asker => findAnomalies(asker, {}));
  assert.deepEqual(
    episodes.map(e => e.heading),
    [],
  );
  assert.ok(tested > 0);
});

test('a week that is missing is told as a silence, and is not what is usual after it', async () => {
  const hole = [MONDAY + 21 * DAY, MONDAY + 28 * DAY].map(at) as [string, string];
  const records = ordinary(35).filter(({ ts }) => ts! < hole[0] || ts! >= hole[1]);
  const { episodes, notes } = await withMonth(records, asker => findAnomalies(asker, {}));
  assert.deepEqual(
    episodes.map(e => e.heading),
    ['Nothing came'],
  );
  assert.match(notes.join('; '), /nothing at all came from 2026-05-2[45]T.* to 2026-06-01T/);
});

test('a new service is compared with services, not with people', async () => {
  const r = dice(8);
  const people = Array.from({ length: 20 * 300 }, (_, i) => {
    const user = i % 30;
    const when = MONDAY + Math.floor(i / 300) * DAY + (8 + 9 * r()) * HOUR;
    return asked(when, { user_id: `user-${user}`, user_kind: 'human', client_ip: `10.0.0.${user + 1}` });
  });
  const service = (n: number, from: number): object[] =>
    Array.from({ length: (20 - from) * 24 * 60 }, (_, i) =>
      asked(MONDAY + from * DAY + (i + r()) * (HOUR / 60), {
        user_id: `svc-${n}`,
        user_kind: 'service',
        client_ip: '10.9.0.1',
      }),
    );
  const records = [...people, ...service(1, 0), ...service(2, 15)];
  const { episodes } = await withMonth(records, asker => findAnomalies(asker, {}));
  assert.deepEqual(
    episodes.flatMap(e => e.findings.map(f => f.says)).filter(s => s.includes('svc-2')),
    [],
  );
});

test('what comes in batches is not silent between them', async () => {
  const records = Array.from({ length: 10 * 24 * 40 }, (_, i) =>
    asked(MONDAY + Math.floor(i / 40) * HOUR + (i % 40) * 1e6, { user_id: 'a', client_ip: '10.0.0.1' }),
  ).filter(({ ts }) => ts! < at(MONDAY + 6 * DAY) || ts! >= at(MONDAY + 6.25 * DAY));
  const { episodes } = await withMonth(records, asker => findAnomalies(asker, {}));
  assert.deepEqual(
    episodes.map(e => [e.heading, e.from.slice(0, 13)]),
    [['Nothing came', at(MONDAY + 6 * DAY - HOUR).slice(0, 13)]],
  );
});

test('a model that is renamed half-way is a fact, and no flood and no silence', async () => {
  const renamed = at(MONDAY + 18.4 * DAY);
  const records = ordinary(35).map(record =>
    record.model === 'phi-4-mini' && record.ts! >= renamed
      ? { ...record, model: 'phi-5', model_version: 'c' }
      : record,
  );
  const { episodes, changes, notes } = await withMonth(records, asker => findAnomalies(asker, {}));
  assert.deepEqual(
    episodes.map(e => e.heading),
    [],
  );
  assert.deepEqual(
    changes.map(c => c.model),
    ['phi-5'],
  );
  assert.match(notes.join('; '), /phi-4-mini answered last at 2026-05-22T/);
});
