import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AuditError } from '../../src/errors.ts';
import type { Entry } from '../../src/log/entry.ts';
import {
  type Hold,
  holdLines,
  MOST_RANGES,
  parseHold,
  parseRelease,
  releaseLines,
} from '../../src/log/hold.ts';
import { formatLine, parseLine } from '../../src/log/line.ts';
import { coarser, countOf, formatRanges, rangesOf } from '../../src/log/ranges.ts';

const written = (text: string, kind = 'hold', version = 1): Entry => ({
  origin: 'test.example/log',
  index: 1,
  kind,
  version,
  at: '2026-01-01T00:00:00.000000Z',
  lines: text.trim().split('\n').map(parseLine),
});
const codeOf = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof AuditError, String(error));
    return error.code;
  }
  return 'none';
};

const instant = fc
  .date({ min: new Date('1970-01-01'), max: new Date('2199-12-31'), noInvalidDate: true })
  .map(d => `${d.toISOString().slice(0, 23)}000Z`);
const code = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._:/-]{0,20}$/);
const ranges = fc.uniqueArray(fc.nat(2000), { maxLength: 60 }).map(rangesOf);
const span = fc
  .tuple(fc.option(instant, { nil: undefined }), fc.option(instant, { nil: undefined }))
  .filter(([a, b]) => a === undefined || b === undefined || a < b)
  .map(([since, until]) => ({
    ...(since !== undefined && { since }),
    ...(until !== undefined && { until }),
  }));
const holds: fc.Arbitrary<Hold> = fc
  .record({
    id: fc.stringMatching(/^[0-9a-f]{8}$/),
    reason: code,
    by: fc.oneof(
      code,
      fc.stringMatching(/^[0-9a-f]{32}$/).map(h => `hmac:${h}`),
    ),
    segments: ranges,
    span: fc.option(span, { nil: undefined }),
  })
  .filter(h => h.segments.length > 0 || h.span !== undefined)
  .map(({ span: s, ...hold }) => ({ ...hold, ...(s && { span: s }) }));

test('a hold is read from an entry as it was written, and so is a release', () => {
  fc.assert(
    fc.property(holds, hold => {
      const text = holdLines(hold).map(formatLine).join('\n');
      assert.deepEqual(parseHold(written(text)), structuredClone(hold));
      const { id, reason, by } = hold;
      const release = releaseLines({ id, reason, by }).map(formatLine).join('\n');
      assert.deepEqual(parseRelease(written(release, 'release')), { id, reason, by });
    }),
  );
});

test('segments that one line can not hold stand on several', () => {
  const segments = rangesOf(Array.from({ length: 3000 }, (_, i) => i * 2));
  const lines = holdLines({ id: '0a1b2c3d', reason: 'case-1', by: 'legal', segments });
  assert.ok(lines.length > 4);
  const text = lines.map(formatLine);
  assert.ok(text.every(l => l.length <= 8192));
  assert.deepEqual(parseHold(written(text.join('\n'))).segments, segments);
});

const GOOD = `hold 0a1b2c3d
reason case-2026/17
by hmac:00112233445566778899aabbccddeeff
segments 0-3,7
segments 9
span 2026-01-01T00:00:00.000000Z open`;

const WRONG: Readonly<Record<string, readonly [string | RegExp, string]>> = {
  'nothing that is held': [/^s.*\n?/gm, ''],
  'an id in capitals': ['0a1b2c3d', '0A1B2C3D'],
  'an id that is too short': ['0a1b2c3d', '0a1b2c3'],
  'no reason': [/reason.*\n/, ''],
  'a reason in words': ['case-2026/17', 'ana%20was%20rude'],
  'a reason with an address': ['case-2026/17', 'ana@example.com'],
  'a reason that never ends': ['case-2026/17', 'c'.repeat(65)],
  'nobody who did it': [/by.*\n/, ''],
  'somebody in words': [/by.*/, 'by Ana%20Lee'],
  'ranges that overlap': ['0-3,7', '0-7,7'],
  'ranges that touch': ['0-3,7', '0-3,4'],
  'ranges that touch across lines': ['segments 9', 'segments 8'],
  'lines of ranges that go back': ['segments 9', 'segments 1'],
  'ranges backwards': ['0-3,7', '3-0'],
  'no ranges': ['segments 9', 'segments -'],
  'a span of nothing': [/span.*/, 'span 2026-01-01T00:00:00.000000Z 2026-01-01T00:00:00.000000Z'],
  'a span that ends before it begins': [
    /span.*/,
    'span 2026-01-02T00:00:00.000000Z 2026-01-01T00:00:00.000000Z',
  ],
  'a span of one end': [/ open$/, ''],
  'a span on no day': ['2026-01-01T', '2026-02-30T'],
  'two spans': [/(span.*)/, '$1\n$1'],
  'lines out of order': [/(reason.*)\n(by.*)/, '$2\n$1'],
};
for (const [name, [from, to]] of Object.entries(WRONG)) {
  test(`a hold with ${name} is malformed`, () => {
    const text = GOOD.replace(from, to);
    assert.notEqual(text, GOOD);
    assert.equal(
      codeOf(() => parseHold(written(text))),
      'ENTRY_MALFORMED',
    );
  });
}

test('the good one is good; unknown lines and versions are of a newer slmaudit', () => {
  assert.deepEqual(parseHold(written(GOOD)).segments, [
    [0, 3],
    [7, 7],
    [9, 9],
  ]);
  assert.equal(
    codeOf(() => parseHold(written(`${GOOD}\nasked user`))),
    'WRITTEN_BY_NEWER',
  );
  assert.equal(
    codeOf(() => parseHold(written(GOOD, 'hold', 2))),
    'WRITTEN_BY_NEWER',
  );
  const release = GOOD.split('\n').slice(0, 3).join('\n');
  assert.equal(parseRelease(written(release, 'release')).id, '0a1b2c3d');
  assert.equal(
    codeOf(() => parseRelease(written(GOOD, 'release'))),
    'WRITTEN_BY_NEWER',
  );
  assert.equal(
    codeOf(() => parseRelease(written(release, 'hold'))),
    'ENTRY_MALFORMED',
  );
  assert.equal(
    codeOf(() => parseRelease(written('hold 0a1b2c3d\nreason over', 'release'))),
    'ENTRY_MALFORMED',
  );
});

test('ranges that are too many for an entry are joined across the narrowest gaps: more is held, never less', () => {
  assert.deepEqual(
    coarser(
      [
        [0, 1],
        [3, 3],
        [90, 91],
        [100, 100],
      ],
      2,
    ),
    [
      [0, 3],
      [90, 100],
    ],
  );
  fc.assert(
    fc.property(ranges, fc.integer({ min: 1, max: 20 }), (all, most) => {
      const few = coarser(all, most);
      assert.ok(few.length <= most);
      if (all.length <= most) assert.deepEqual(few, all);
      for (const [from, to] of all) assert.ok(few.some(([a, b]) => a <= from && to <= b));
      assert.ok(countOf(few) >= countOf(all));
      assert.equal(formatRanges(rangesOf(few.flat())).length > 0, few.length > 0);
    }),
  );
});

test('as many ranges as a hold names fit into an entry, in a log of ten million segments', () => {
  const segments = Array.from(
    { length: MOST_RANGES },
    (_, i) => [9_000_000 + i * 3, 9_000_001 + i * 3] as const,
  );
  const lines = holdLines({ id: '0a1b2c3d', reason: 'c', by: 'legal', segments, span: {} });
  assert.ok(lines.map(formatLine).join('\n').length < 60_000);
});
