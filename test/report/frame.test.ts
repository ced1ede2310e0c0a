import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failuresPage } from '../../src/report/failures/page.ts';
import { type Frame, frameOf, type Wanted } from '../../src/report/frame.ts';
import { latencyPage } from '../../src/report/latency/page.ts';
import { modelsPage } from '../../src/report/models/page.ts';
import type { Page } from '../../src/report/page.ts';
import { reachNotes, reachOf } from '../../src/report/reach.ts';
import { bucketOf } from '../../src/report/scope.ts';
import { usagePage } from '../../src/report/usage/page.ts';
import { usersPage } from '../../src/report/users/page.ts';
import { type Told, withRecords } from './asker.ts';

const PAGES = [usagePage, failuresPage, latencyPage, modelsPage, usersPage];
const inference = (ts: string, more: Told = {}): Told => ({
  event_type: 'inference',
  ts,
  status: 'ok',
  source_id: 's',
  ...more,
});

const framed = (records: readonly Told[], wanted: Partial<Wanted> = {}): Promise<Frame> =>
  withRecords(records, asker => frameOf(asker, { zone: 'UTC', ...wanted }));

const pagesOf = (records: readonly Told[], wanted: Partial<Wanted> = {}): Promise<Page[]> =>
  withRecords(records, async asker => {
    const pages: Page[] = [];
    for (const page of PAGES) pages.push(await page(asker, { zone: 'UTC', ...wanted }));
    return pages;
  });

test('an empty store has pages that say there is nothing, no tables, and no period that nobody named', async () => {
  for (const page of await pagesOf([])) {
    assert.deepEqual(page.summary, ['There are no requests in this store.']);
    assert.deepEqual(page.sections, []);
    assert.equal(page.subtitle, undefined);
    const { since, until } = page.data as { since: unknown; until: unknown };
    assert.deepEqual([since, until], [null, null]);
    assert.doesNotMatch(JSON.stringify(page), /1970/);
  }
});

test('one record is a page: there is no full day, nothing before it, and what it lacks is said', async () => {
  const [usage, failures, latency, models, users] = (await pagesOf([inference('2026-05-01T10:00:00Z')])) as [
    Page,
    Page,
    Page,
    Page,
    Page,
  ];
  assert.equal(usage.summary[0], '1 request; 0% failed.');
  assert.deepEqual(usage.notes, [
    'There is no full day yet: the period is the day that has begun.',
    'There is no period before to compare with: the oldest record is of 2026-05-01 10:00.',
    'No request names its user.',
    'No tokens were recorded.',
  ]);
  assert.equal(failures.summary[0], '0 requests of 1 failed: 0%.');
  assert.deepEqual(failures.sections[0]!.table!.rows, [
    ['requests', '1', '100%'],
    ['failed', '0', '0%'],
  ]);
  assert.deepEqual(models.summary, ['None of 1 request names its model.']);
  assert.equal(latency.summary[0], 'No latency was recorded of 1 request.');
  assert.match(models.notes.join(' '), /nothing is called new.*100% of the requests name no model/);
  assert.equal(users.summary[0], 'None of 1 request names its user.');
});

test('a period that nobody named is not empty: after a pause it is the day that has begun', async () => {
  const records = [inference('2026-04-01T10:00:00Z'), inference('2026-05-01T10:00:00Z')];
  const frame = await framed(records);
  assert.deepEqual(
    [frame.since, frame.until],
    ['2026-05-01T00:00:00.000000Z', '2026-05-02T00:00:00.000000Z'],
  );
  assert.equal(
    frame.notes[0],
    'Nothing came in the 7 full days before: the period is the day that has begun.',
  );
});

test('a time without requests says where there are some', async () => {
  const records = [inference('2026-05-01T10:00:00Z')];
  const asked = { since: '2027-01-01T00:00:00.000000Z', until: '2027-01-02T00:00:00.000000Z' };
  for (const page of await pagesOf(records, asked)) {
    assert.deepEqual(page.summary, ['There are no requests in this time.']);
    assert.match(page.notes[0]!, /2026-05-01 10:00/);
  }
});

test('where there are only records of other kinds, the page says what it looked for, and what there is', async () => {
  const kind = (event_type: string, n: number): Told[] =>
    Array.from({ length: n }, () => inference('2026-05-02T10:00:00Z', { event_type }));
  const asked = { since: '2026-05-02T00:00:00.000000Z', until: '2026-05-03T00:00:00.000000Z' };
  const records = [...kind('access', 3), ...kind('auth', 1)];
  for (const page of await pagesOf([inference('2026-05-01T10:00:00Z'), ...records], asked))
    assert.equal(
      page.summary[1],
      'Requests are inference records; there are only 3 access records and 1 auth record.',
    );
  const [usage] = await pagesOf(kind('auth', 2));
  assert.deepEqual(usage!.summary, [
    'There are no requests in this store.',
    'Requests are inference records; there are only 2 auth records.',
  ]);
});

test('a day counts as full once there is a record in its last hour', async () => {
  const days = (last: string): Told[] => [
    inference('2026-04-01T00:10:00Z'),
    inference('2026-05-03T00:10:00Z'),
    inference(last),
  ];
  assert.equal((await framed(days('2026-05-07T22:59:59Z'))).until, '2026-05-07T00:00:00.000000Z');
  assert.equal((await framed(days('2026-05-07T23:00:00Z'))).until, '2026-05-08T00:00:00.000000Z');
  const frame = await framed(days('2026-05-08T00:30:00Z'));
  assert.deepEqual(
    [frame.since, frame.until],
    ['2026-05-01T00:00:00.000000Z', '2026-05-08T00:00:00.000000Z'],
  );
  assert.deepEqual(frame.before, {
    since: '2026-04-24T00:00:00.000000Z',
    until: '2026-05-01T00:00:00.000000Z',
  });
});

test('a period before that is not whole is not compared with, and that is said', async () => {
  const records = [inference('2026-05-03T00:10:00Z'), inference('2026-05-14T23:30:00Z')];
  const frame = await framed(records);
  assert.equal(frame.since, '2026-05-08T00:00:00.000000Z');
  assert.equal(frame.before, undefined);
  assert.match(frame.notes.join(' '), /not whole.*2026-05-03 00:10/);
});

test('--since alone ends with the hour of the newest record, --until alone begins seven days before', async () => {
  const records = [inference('2026-04-01T00:10:00Z'), inference('2026-05-14T21:30:00Z')];
  const since = await framed(records, { since: '2026-05-10T00:00:00.000000Z' });
  assert.deepEqual(
    [since.until, since.before?.since],
    ['2026-05-14T22:00:00.000000Z', '2026-05-05T02:00:00.000000Z'],
  );
  const until = await framed(records, { until: '2026-05-10T12:00:00.000000Z' });
  assert.equal(until.since, '2026-05-03T12:00:00.000000Z');
});

test('the busiest and the worst hour are told as clocks of the zone show them', async () => {
  const records = Array.from({ length: 40 }, (_, i) =>
    inference(i < 10 ? '2026-05-01T21:30:00Z' : `2026-05-01T0${i % 9}:00:00Z`, {
      status: i < 8 ? 'error' : 'ok',
    }),
  );
  const asked = { since: '2026-05-01T00:00:00.000000Z', until: '2026-05-02T00:00:00.000000Z' };
  const [usage, failures] = await pagesOf(records, { zone: 'Europe/Berlin', ...asked });
  assert.match(usage!.summary.join(' '), /busiest hour was 2026-05-01 23:00 \(Europe\/Berlin\), with 10 /);
  assert.match(failures!.summary.join(' '), /worst hour was 2026-05-01 23:00 \(Europe\/Berlin\): 8 failures/);
  const worst = failures!.sections.find(s => s.heading === 'Worst hours')!.table!;
  assert.deepEqual([worst.columns[0]!.name, worst.rows[0]![0]], ['hour (Europe/Berlin)', '2026-05-01 23:00']);
});

test('records from the future are counted by themselves, and are none of what a store reaches', async () => {
  const now = '2026-05-08T00:30:00.000000Z';
  const ahead = (seconds: number): Told =>
    inference(new Date(Date.parse(now) + seconds * 1000).toISOString());
  const { span, later } = await withRecords([ahead(-3600), ahead(0), ahead(1), ahead(1e9)], asker =>
    reachOf(asker, now),
  );
  assert.deepEqual(span, { oldest: '2026-05-07T23:30:00.000000Z', newest: now });
  assert.deepEqual(later, { records: 2, newest: '2058-01-14T02:16:40.000000Z' });
  assert.deepEqual(reachNotes({ span, later }, {}, true), [
    'The newest record of the store is of 2026-05-08 00:30, the oldest of 2026-05-07 23:30.',
    "2 records are later than this host's clock, the newest of 2058-01-14 02:16; without an --until that takes them in, they are left out.",
  ]);
  const none = await withRecords([], asker => reachOf(asker, now));
  assert.deepEqual([none, reachNotes(none, {}, true)], [{ span: null, later: null }, []]);
});

test('days are those of the zone, also where clocks are changed: a record falls into its own', async () => {
  // Clocks in Berlin were set forward on 2026-03-29 and back on 2026-10-25.
  for (const [from, to] of [
    ['2026-03-26T23:00:00.000000Z', '2026-04-01T22:00:00.000000Z'],
    ['2026-10-22T22:00:00.000000Z', '2026-10-28T23:00:00.000000Z'],
  ] as const) {
    const times: string[] = [];
    for (let at = Date.parse(from); at < Date.parse(to); at += 1_800_000)
      times.push(new Date(at).toISOString());
    const dayName = new Intl.DateTimeFormat('sv-SE', { timeZone: 'Europe/Berlin', dateStyle: 'short' });
    const expected = times.map(t => dayName.format(Date.parse(t)));
    const first = [...new Set(expected)];
    await withRecords(
      times.map(t => inference(t)),
      async asker => {
        const frame = await frameOf(asker, { zone: 'Europe/Berlin', since: from, until: to });
        assert.equal(frame.edges.length, 6);
        const rows = await asker.all(`SELECT ${bucketOf(frame)} AS bucket FROM records ORDER BY ts`);
        assert.deepEqual(
          rows.map(r => first[Number(r['bucket'])]),
          expected,
        );
      },
    );
  }
});

test('a period is told in as many buckets as can be looked at, however long it is', async () => {
  const edges = async (since: string, until: string): Promise<[string, number]> => {
    const frame = await framed([], {
      since: `${since}T00:00:00.000000Z`,
      until: `${until}T00:00:00.000000Z`,
    });
    return [frame.bucket, frame.edges.length];
  };
  assert.deepEqual(await edges('2026-05-01', '2026-05-03'), ['hour', 48]);
  assert.deepEqual(await edges('2026-05-01', '2026-07-30'), ['day', 90]);
  assert.deepEqual(await edges('2026-01-01', '2027-01-01'), ['week', 53]);
  assert.deepEqual(await edges('2016-01-01', '2026-01-01'), ['quarter', 41]);
  assert.deepEqual(await edges('1970-01-01', '2199-12-31'), ['quarter', 924]);
});

test('where only a proxy wrote, its records are the requests; where a server wrote too, they are not counted twice', async () => {
  const access = { ...inference('2026-05-01T10:00:00Z'), event_type: 'access' };
  const only = await framed([access]);
  assert.equal(only.events, 'access');
  assert.match(only.notes[0]!, /requests are access records/);
  const both = await framed([access, inference('2026-05-01T10:00:01Z')]);
  assert.equal(both.events, 'inference');
  assert.match(both.notes[0]!, /access records.*not counted/);
});
