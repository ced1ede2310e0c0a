import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { EMPTY_ROOT } from '../../src/merkle/tree.ts';
import type { SealedSegment } from '../../src/log/inventory.ts';
import { Columns, type Verified } from '../../src/verify/columns.ts';

const sealed = (n: number, more: Partial<SealedSegment> = {}): SealedSegment => ({
  segment: n,
  entry: n + 3,
  class: n % 2 === 0 ? 'default' : 'auth',
  first: 10 * n,
  batch: '00'.repeat(16),
  at: `2026-05-01T00:00:0${n % 10}.000001Z`,
  records: 0,
  root: EMPTY_ROOT,
  lines: [],
  damaged: n % 3,
  retried: [],
  policy: n % 5,
  ...more,
});

const filled = (from: string, to: string): Partial<SealedSegment> => ({
  records: 7,
  root: randomBytes(32),
  span: { from, to },
  payload: { sha256: randomBytes(32).toString('hex'), bytes: 2 ** 40 },
});

test('a segment held in columns says what its manifest said, whatever its times', () => {
  const segments = [
    ...Array.from({ length: 5000 }, (_, n) => sealed(n)),
    sealed(5000, filled('1970-01-01T00:00:00.000000Z', '2199-12-31T23:59:59.999999Z')),
    // No record has such a time, and an entry may state it: it is judged, so it is kept.
    sealed(5001, filled('0001-02-03T04:05:06.789000Z', '9999-12-31T23:59:59.999999Z')),
    sealed(2 ** 52, {
      at: '9999-01-01T00:00:00.000000Z',
      rejected: { count: 3, sha256: 'ab'.repeat(32), bytes: 1 },
    }),
  ];
  const columns = new Columns();
  const held = segments.map(s => columns.add(s));
  const told = (s: Verified): object => ({
    segment: s.segment,
    entry: s.entry,
    class: s.class,
    policy: s.policy,
    at: s.at,
    records: s.records,
    root: s.root.toString('hex'),
    damaged: s.damaged,
    span: s.span,
    payload: s.payload,
    rejected: s.rejected,
  });
  assert.deepEqual(held.map(told), segments.map(told));
});
