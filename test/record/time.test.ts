import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { canonicalAddress } from '../../src/record/address.ts';
import { readDuration } from '../../src/record/duration.ts';
import { JsonNumber } from '../../src/record/json.ts';
import { readTime } from '../../src/record/time.ts';

for (const [value, ts, quality] of [
  ['2026-05-01T00:00:07.603Z', '2026-05-01T00:00:07.603000Z', 'exact'],
  ['2026-05-01T02:00:07.603+02:00', '2026-05-01T00:00:07.603000Z', 'exact'],
  ['2026-05-01T00:00:07Z', '2026-05-01T00:00:07.000000Z', 'coarse'],
  ['2025-01-24 09:20:46.847371', '2025-01-24T09:20:46.847371Z', 'assumed_zone'],
  ['01/May/2026:02:00:07 +0200', '2026-05-01T00:00:07.000000Z', 'coarse'],
  [1_777_593_607, '2026-05-01T00:00:07.000000Z', 'coarse'],
  [new JsonNumber('1777593607.603'), '2026-05-01T00:00:07.603000Z', 'exact'],
  [new JsonNumber('1.777593607603e9'), '2026-05-01T00:00:07.603000Z', 'exact'],
  [1_777_593_607_603, '2026-05-01T00:00:07.603000Z', 'exact'],
  ['1777593607603123', '2026-05-01T00:00:07.603123Z', 'exact'],
  [new JsonNumber('1777593607603123456'), '2026-05-01T00:00:07.603123Z', 'exact'],
  [new JsonNumber('639131904076030000'), '2026-05-01T00:00:07.603000Z', 'exact'],
  ['2016-12-31T23:59:60Z', '2016-12-31T23:59:59.999999Z', 'coarse'],
] as const) {
  test(`${value instanceof JsonNumber ? value.text : value} is ${ts}, ${quality}`, () => {
    const read = readTime(value);
    assert.deepEqual([read?.ts, read?.quality], [ts, quality]);
  });
}

test('digits below a microsecond are cut, and the text of the source is kept', () => {
  const text = '2023-08-04T08:52:19.385406455-07:00';
  assert.deepEqual(readTime(text), { ts: '2023-08-04T15:52:19.385406Z', quality: 'exact', raw: text });
});

for (const value of [
  '',
  'now',
  '2026-02-30T00:00:00Z',
  '2026-05-01T25:00:00Z',
  '2200-01-01T00:00:00Z',
  '1969-12-31T23:59:59Z',
  -1,
  12,
  true,
  null,
  '2026-05-01',
]) {
  test(`${JSON.stringify(value)} is no time of a record`, () => assert.equal(readTime(value), undefined));
}

test('every microsecond from 1991 to 2200 is read from its number as from its text', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 662_700_000_000_000n, max: 7_258_118_399_999_999n }), us => {
      const text = `${new Date(Number(us / 1000n)).toISOString().slice(0, 23)}${String(us % 1000n).padStart(3, '0')}Z`;
      const seconds = `${us / 1_000_000n}.${String(us % 1_000_000n).padStart(6, '0')}`;
      for (const form of [String(us), seconds, `${us}000`, text])
        assert.equal(readTime(form)?.ts, text, form);
    }),
  );
});

test('durations are read without passing through a float', () => {
  assert.equal(readDuration(new JsonNumber('0.307'), 1_000_000), 307_000);
  assert.equal(readDuration(new JsonNumber('1.0000019'), 1_000_000), 1_000_001);
  assert.equal(readDuration('12.5', 1000), 12_500);
  assert.equal(readDuration(5_043_500_667, 0.001), 5_043_500);
  assert.equal(readDuration(new JsonNumber('4.5e-05'), 1_000_000), 45);
  for (const bad of [-1, 'x', null, undefined, new JsonNumber('-0.5'), true])
    assert.equal(readDuration(bad, 1000), undefined);
});

for (const [text, canonical] of [
  ['10.0.0.1', '10.0.0.1'],
  ['10.0.0.1:443', '10.0.0.1'],
  ['::ffff:10.0.0.1', '10.0.0.1'],
  ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
  ['[2001:db8::1]:8080', '2001:db8::1'],
  ['fe80::1%eth0', 'fe80::1'],
  ['010.0.0.1', undefined],
  ['256.1.1.1', undefined],
  ['1.2.3', undefined],
  ['81.2.69.***', undefined],
  ['localhost', undefined],
  ['', undefined],
] as const) {
  test(`the address ${JSON.stringify(text)} is ${canonical ?? 'none'}`, () =>
    assert.equal(canonicalAddress(text), canonical));
}
