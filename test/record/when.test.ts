import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { microsOf } from '../../src/record/time.ts';
import { readWhen } from '../../src/record/when.ts';

/** Thursday. */
const NOW = Date.parse('2026-05-07T10:30:00Z') * 1000;
const at = (text: string, zone = 'UTC', now = NOW): string | undefined => readWhen(text, now, zone);

test('times are read as people say them', () => {
  const cases: readonly (readonly [said: string, read: string])[] = [
    ['now', '2026-05-07T10:30:00'],
    ['90s', '2026-05-07T10:28:30'],
    ['2h', '2026-05-07T08:30:00'],
    ['2h ago', '2026-05-07T08:30:00'],
    ['1.5h', '2026-05-07T09:00:00'],
    ['7d', '2026-04-30T10:30:00'],
    ['2w', '2026-04-23T10:30:00'],
    ['3mo', '2026-02-07T10:30:00'],
    ['1y ago', '2025-05-07T10:30:00'],
    ['today', '2026-05-07T00:00:00'],
    ['Yesterday', '2026-05-06T00:00:00'],
    ['thursday', '2026-05-07T00:00:00'],
    ['last thursday', '2026-04-30T00:00:00'],
    ['last Tuesday', '2026-05-05T00:00:00'],
    ['friday', '2026-05-01T00:00:00'],
    ['2026-05', '2026-05-01T00:00:00'],
    ['2026-05-01', '2026-05-01T00:00:00'],
    ['2026-05-01 14:00', '2026-05-01T14:00:00'],
    ['2026-05-01T14:00:07.25', '2026-05-01T14:00:07.25'],
    ['09:15', '2026-05-07T09:15:00'],
    ['2026-05-01T14:00:00+02:00', '2026-05-01T12:00:00'],
    ['2026-05-01T14:00:00Z', '2026-05-01T14:00:00'],
    ['1777593600', '2026-05-01T00:00:00'],
  ];
  for (const [said, read] of cases)
    assert.equal(at(said), `${read.padEnd(20, read.includes('.') ? '0' : '.').padEnd(26, '0')}Z`, said);
});

test('months ago are days of the calendar, the last one where a month is short', () => {
  const may = Date.parse('2026-05-31T22:30:00Z') * 1000;
  assert.equal(at('1mo', 'UTC', may), '2026-04-30T22:30:00.000000Z');
  assert.equal(at('27mo', 'UTC', may), '2024-02-29T22:30:00.000000Z');
  // In June there, and an hour earlier in winter.
  assert.equal(at('6mo', 'Europe/Berlin', may), '2025-11-30T23:30:00.000000Z');
  assert.equal(at('9999y'), undefined);
});

test('days and bare times are those of the zone; a time with a zone is what it says', () => {
  const cases: readonly (readonly [said: string, zone: string, read: string])[] = [
    ['today', 'Europe/Berlin', '2026-05-06T22:00:00.000000Z'],
    ['yesterday', 'Europe/Berlin', '2026-05-05T22:00:00.000000Z'],
    ['last tuesday', 'America/New_York', '2026-05-05T04:00:00.000000Z'],
    ['today', 'Asia/Tokyo', '2026-05-06T15:00:00.000000Z'],
    ['today', 'Pacific/Kiritimati', '2026-05-07T10:00:00.000000Z'],
    ['14:00', '+05:30', '2026-05-07T08:30:00.000000Z'],
    ['2026-05-01', '-04:00', '2026-05-01T04:00:00.000000Z'],
    ['2h', 'Asia/Tokyo', '2026-05-07T08:30:00.000000Z'],
    ['2026-05-01T14:00:00Z', 'Asia/Tokyo', '2026-05-01T14:00:00.000000Z'],
  ];
  for (const [said, zone, read] of cases) assert.equal(at(said, zone), read, `${said} ${zone}`);
  // 00:30 in Berlin is still Wednesday in UTC: "today" is Thursday all the same.
  const night = Date.parse('2026-05-06T22:30:00Z') * 1000;
  assert.equal(at('today', 'Europe/Berlin', night), '2026-05-06T22:00:00.000000Z');
  assert.equal(at('thursday', 'Europe/Berlin', night), '2026-05-06T22:00:00.000000Z');
});

test('on the days on which clocks change a day begins at its own midnight', () => {
  const noon = (day: string): number => Date.parse(`${day}T12:00:00Z`) * 1000;
  const cases: readonly (readonly [now: string, said: string, zone: string, read: string])[] = [
    // Berlin: forward on March 29th at 2:00, back on October 25th at 3:00.
    ['2026-03-29', 'today', 'Europe/Berlin', '2026-03-28T23:00:00.000000Z'],
    ['2026-03-30', 'yesterday', 'Europe/Berlin', '2026-03-28T23:00:00.000000Z'],
    ['2026-03-30', 'today', 'Europe/Berlin', '2026-03-29T22:00:00.000000Z'],
    ['2026-03-29', '03:30', 'Europe/Berlin', '2026-03-29T01:30:00.000000Z'],
    ['2026-10-25', 'today', 'Europe/Berlin', '2026-10-24T22:00:00.000000Z'],
    ['2026-10-26', 'today', 'Europe/Berlin', '2026-10-25T23:00:00.000000Z'],
    ['2026-11-01', 'today', 'America/New_York', '2026-11-01T04:00:00.000000Z'],
    ['2026-11-02', 'today', 'America/New_York', '2026-11-02T05:00:00.000000Z'],
  ];
  for (const [now, said, zone, read] of cases)
    assert.equal(at(said, zone, noon(now)), read, `${now} ${said}`);
  // The minutes around a change, said as "now" and as "today".
  for (const minute of [-61, -1, 0, 1, 59, 61]) {
    const now = Date.parse('2026-10-25T01:00:00Z') * 1000 + minute * 60_000_000;
    assert.equal(at('today', 'Europe/Berlin', now), '2026-10-24T22:00:00.000000Z', String(minute));
    assert.equal(microsOf(at('now', 'Europe/Berlin', now)!), now);
  }
});

test('in any zone and at any time, today is at most a day and an hour old and not to come, and last week is before it', () => {
  const zones = [
    'UTC',
    'Europe/Berlin',
    'America/New_York',
    'Asia/Kathmandu',
    'Australia/Lord_Howe',
    '-09:30',
  ];
  fc.assert(
    fc.property(
      fc.integer({ min: Date.UTC(2000, 0), max: Date.UTC(2060, 0) }),
      fc.constantFrom(...zones),
      (ms, zone) => {
        const now = ms * 1000;
        const read = (said: string): number => microsOf(at(said, zone, now)!);
        const [today, yesterday, last, same] = ['today', 'yesterday', 'last sunday', 'sunday'].map(read);
        const hours = 3_600_000_000;
        assert.ok(today! <= now && now - today! < 25 * hours, 'today');
        assert.ok(today! - yesterday! >= 23 * hours && today! - yesterday! <= 25 * hours, 'yesterday');
        assert.ok(last! < today! && same! <= today! && today! - same! <= 7 * 25 * hours);
        assert.ok(same === last || (same === today && last! < same!), 'a weekday is the last one, or today');
      },
    ),
  );
});

test('what is no time is none', () => {
  for (const said of [
    '',
    ' ',
    'soon',
    'tomorrow',
    'last',
    'last week',
    '2x',
    'h',
    '-2h',
    '2 h',
    '25:00',
    '12:60',
    '2026-13',
    '2026-02-30',
    '2026-05-01T25:00',
    '7',
    '20260501',
    'NaN',
    'sundayx',
  ])
    assert.equal(at(said), undefined, JSON.stringify(said));
  fc.assert(
    fc.property(fc.string(), text =>
      assert.match(at(text) ?? '2026-05-01T00:00:00.000000Z', /^\d{4}-.*\.\d{6}Z$/),
    ),
  );
});
