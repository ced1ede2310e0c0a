import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Inventory, type SealedSegment } from '../../src/log/inventory.ts';
import type { Range } from '../../src/log/ranges.ts';

const MOST = Number.MAX_SAFE_INTEGER - 1;

const sealed = (segment: number): SealedSegment => ({
  segment,
  class: 'default',
  first: 0,
  batch: 'ab'.repeat(16),
  lines: [],
  damaged: 0,
  retried: [],
  policy: 0,
  entry: 1,
  at: '2026-05-01T00:00:00.000000Z',
  records: 0,
  root: Buffer.alloc(32),
});

function holding(...numbers: readonly number[]): Inventory {
  const inventory = new Inventory(segment => segment);
  for (const n of numbers) inventory.seal(sealed(n));
  return inventory;
}

const present = (inventory: Inventory, ...ranges: readonly Range[]): number[] => [
  ...inventory.present(ranges),
];
const wrong = (inventory: Inventory, ...segments: readonly Range[]): number[] =>
  inventory.prune(9, { pruned: [{ class: 'default', cutoff: '', segments }], files: [] }).map(m => m.segment);

test('of ranges, those segments are present that the log has, and the first that it has not is told', () => {
  assert.deepEqual(present(holding(0, 1, 2), [0, 0], [2, 5]), [0, 2]);
  assert.deepEqual(wrong(holding(0, 1, 2), [1, 2]), []);
  assert.deepEqual(wrong(holding(0, 1, 2), [1, 7]), [3]);
  assert.deepEqual(wrong(holding(0, 1, 2), [1, 1], [1, 2]), []);
});

test('a number that is far from its place, and ranges up to it, take no longer', () => {
  const forged = (): Inventory => holding(0, MOST, 2, MOST - 2);
  assert.deepEqual(present(forged(), [0, MOST]), [0, 2, MOST - 2, MOST]);
  assert.deepEqual(present(forged(), [1, 1], [MOST - 1, MOST]), [MOST]);
  assert.deepEqual(wrong(forged(), [0, MOST]), [1]);
  assert.deepEqual(wrong(forged(), [2, 2], [MOST - 2, MOST - 2]), []);
  assert.deepEqual(wrong(forged(), [MOST - 2, MOST]), [MOST - 1]);
});
