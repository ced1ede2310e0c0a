import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findAnomalies } from '../../src/anomaly/anomalies.ts';
import { anomaliesPage } from '../../src/anomaly/page.ts';
import type { Anomalies, Episode } from '../../src/anomaly/report.ts';
import { microsOf } from '../../src/record/time.ts';
import { asked, at, DAY, dice, HOUR, hashOf, login, MONDAY, ordinary, withMonth } from './month.ts';

const DAYS = 35;
/** Days of the fifth week, one of each thing. */
const day = (n: number): number => MONDAY + (28 + n) * DAY;
const r = dice(9);
const spread = (
  n: number,
  from: number,
  hours: number,
  make: (micros: number, i: number) => object,
): object[] => Array.from({ length: n }, (_, i) => make(from + ((i + r()) / n) * hours * HOUR, i));

const SCRIPT = { user_id: 'user-7', client_ip: '10.0.0.8' };
const THIEF = { client_ip: '198.51.100.9' };
const injected = [
  // Monday: one prompt every 20 s for an hour.
  ...Array.from({ length: 180 }, (_, i) =>
    asked(day(0) + 15 * HOUR + i * 20e6, { ...SCRIPT, prompt_hash: hashOf(4711) }),
  ),
  // Tuesday: a version that fails.
  ...spread(60, day(1) + 10 * HOUR, 2, (micros, i) =>
    asked(micros, {
      user_id: `user-${i % 15}`,
      client_ip: `10.0.0.${(i % 15) + 1}`,
      model: 'gemma-3-4b',
      model_version: 'b',
      status: i % 2 === 0 ? 'error' : 'ok',
      error_type: i % 2 === 0 ? 'engine_error' : undefined!,
    }),
  ),
  // Wednesday night: accounts are tried, one opens.
  ...spread(60, day(2) + 2 * HOUR, 1, (micros, i) =>
    login(micros, false, { ...THIEF, user_id: `user-${i % 20}` }),
  ),
  login(day(2) + 3.05 * HOUR, true, { ...THIEF, user_id: 'user-5', mfa: false }),
  // Thursday: an address that nobody knows.
  ...spread(150, day(3) + 20 * HOUR, 1, micros =>
    asked(micros, { user_id: 'user-11', client_ip: '203.0.113.5' }),
  ),
].map(record => record as ReturnType<typeof asked>);

/** Friday from 9 to 12: everything is slow; Saturday from 12 to 14: nothing came. */
function changed(records: ReturnType<typeof ordinary>): ReturnType<typeof ordinary> {
  return records
    .filter(({ ts }) => !within(microsOf(ts!), day(5) + 12 * HOUR, 2))
    .map(record =>
      record.event_type === 'inference' && within(microsOf(record.ts!), day(4) + 9 * HOUR, 3)
        ? { ...record, latency_us: record.latency_us! * 4 }
        : record,
    );
}
const within = (micros: number, from: number, hours: number): boolean =>
  micros >= from && micros < from + hours * HOUR;

const clean = ordinary(DAYS);
let found: Anomalies;
const of = (heading: RegExp): Episode => {
  const episodes = found.episodes.filter(e => heading.test(e.heading));
  assert.equal(episodes.length, 1, `${String(heading)}: ${found.episodes.map(e => e.heading).join('; ')}`);
  return episodes[0]!;
};
const hour = (ts: string): number => Math.floor(microsOf(ts) / HOUR);

test('a month with one of each has these episodes and no others, in order', async () => {
  found = await withMonth([...changed(clean), ...injected], asker => findAnomalies(asker, {}));
  assert.deepEqual(
    found.episodes.map(e => e.heading),
    [
      'One prompt again and again, from user-7',
      'Failures of gemma-3-4b b',
      'Failed logins of 198.51.100.9',
      'Many requests of user-11',
      'Slow answers of gemma-3-4b and 1 more model',
      'Nothing came',
    ],
  );
  assert.deepEqual(found.notes, []);
  assert.equal(found.form, 'slmaudit-report-anomalies/1');
});

test('an episode says since when, who and what contributed, and shows its records', () => {
  const script = of(/again and again/);
  assert.deepEqual(script.entity, { user_id: 'user-7', prompt_hash: hashOf(4711) });
  assert.equal(script.from, at(day(0) + 15 * HOUR));
  assert.equal(script.records, 180);
  assert.equal(script.events.length, 5);
  assert.match(script.findings[0]!.also.join(), /every 20 s, give or take 0%, as a script does/);
  assert.match(script.show, /^slmaudit search --since 2026-06-01T15:00:00Z .*--user user-7$/);
  const failing = of(/Failures/);
  assert.deepEqual(failing.entity, { model: 'gemma-3-4b', model_version: 'b' });
  assert.ok(Math.abs(hour(failing.from) - hour(at(day(1) + 10 * HOUR))) <= 1, failing.from);
  const kind = failing.contributors.find(c => c.column === 'error_type');
  assert.ok(kind && kind.value === 'engine_error' && kind.share > 0.9 && kind.share_before === 0);
  const flood = of(/user-11/);
  const address = flood.contributors.find(c => c.column === 'client_ip');
  assert.ok(address && address.value === '203.0.113.5' && address.share > 0.9 && address.share_before === 0);
});

test('failed logins are told with the one that succeeded, and what stood at the door', () => {
  const tried = of(/Failed logins/);
  assert.match(
    tried.findings[0]!.also.join(),
    /a login of user-5 from 198.51.100.9 succeeded at .* without a second factor/,
  );
  assert.equal(tried.door?.by, 'user+address');
  assert.equal(tried.door?.without_mfa, 1);
});

test('a silence has its minutes, slow answers their hours and how slow they were', () => {
  const silence = of(/Nothing came/);
  assert.match(silence.findings[0]!.also.join(), /nothing for 1[12]\d minutes/);
  assert.ok(Math.abs(microsOf(silence.from) - (day(5) + 12 * HOUR)) < HOUR / 6, silence.from);
  assert.equal(silence.door, null);
  const slow = of(/Slow/);
  assert.equal(hour(slow.from), hour(at(day(4) + 9 * HOUR)));
  const { seen, expected } = slow.findings[0]!;
  assert.ok(seen / expected > 3 && seen / expected < 5, `${seen} ${expected}`);
});

test('how many tests there were is said, by kind, and adds up', () => {
  assert.equal(
    found.tested,
    found.families.reduce((sum, f) => sum + f.tested, 0),
  );
  assert.equal(
    found.found,
    found.families.reduce((sum, f) => sum + f.found, 0),
  );
  assert.ok(found.tested > 10_000);
  assert.deepEqual(
    found.changes.map(c => [c.model, c.model_version]),
    [['gemma-3-4b', 'b']],
  );
  for (const { family, cutoff } of found.families)
    for (const f of found.episodes.flatMap(e => e.findings).filter(x => x.family === family))
      assert.equal(f.sure, cutoff !== null && f.p <= cutoff ? 'high' : 'likely', `${family} ${f.p}`);
});

test('the same weeks without them have none; the page says so, and what was tested', async () => {
  const page = await withMonth(clean, asker => anomaliesPage(asker, { zone: 'UTC' }));
  assert.equal(page.summary[0], 'Nothing unusual was found.');
  assert.match(page.summary[1]!, /^[\d,]+ tests, of which 0 count/);
  assert.deepEqual(
    page.sections.map(s => s.heading),
    ['Overview', 'What was tested'],
  );
});

test('what comes behind a time changes nothing of what is told before it', async () => {
  const until = at(day(2));
  const all = [...changed(clean), ...injected];
  const [early, late] = await Promise.all([
    withMonth(
      all.filter(record => record.ts! < until),
      asker => findAnomalies(asker, {}),
    ),
    withMonth(all, asker => findAnomalies(asker, { until })),
  ]);
  const told = (a: Anomalies): unknown =>
    a.episodes.map(e => [e.heading, e.from, e.findings.map(f => [f.expected, f.seen])]);
  assert.deepEqual(told(late), told(early));
  assert.equal(early.episodes.length, 2);
});
