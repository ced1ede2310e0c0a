import assert from 'node:assert/strict';
import { test } from 'node:test';
import { groupsOf } from '../../src/compact/compact.ts';
import { Inventory, type SealedSegment } from '../../src/log/inventory.ts';
import { later, Retention } from '../../src/log/retention.ts';
import type { History } from '../../src/store/history.ts';

const AT = '2026-01-01T00:00:00.000000Z';

/** So many segments of ten records, sealed behind one another on one day. */
function dayOf(count: number): History {
  const segments = Array.from({ length: count }, (_, n): SealedSegment => ({
    segment: n,
    class: 'default',
    first: 10 * n,
    batch: '',
    span: { from: AT, to: AT },
    payload: { sha256: String(n), bytes: 9000 },
    lines: [],
    damaged: 0,
    retried: [],
    policy: 0,
    entry: n + 1,
    at: AT,
    records: 10,
    root: Buffer.alloc(32),
  }));
  const inventory = new Inventory(s => s, { segments });
  const about = { head: {} as History['head'], genesis: Buffer.alloc(32), at: AT };
  return { ...about, segments, inventory, retention: new Retention(AT) };
}

test('files of a day that is over are joined in their order, as many at once as a process can hold open', () => {
  const joined = groupsOf(dayOf(4321), later(AT, 1)).map(files => files.flatMap(f => f.segments));
  assert.deepEqual(
    joined.map(g => g.length),
    [2000, 2000, 321],
  );
  assert.deepEqual(
    joined.flat(),
    Array.from({ length: 4321 }, (_, n) => n),
  );
  assert.deepEqual(groupsOf(dayOf(4321), AT), []);
  assert.deepEqual(groupsOf(dayOf(1), later(AT, 1)), []);
});
