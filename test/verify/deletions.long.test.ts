import assert from 'node:assert/strict';
import { test } from 'node:test';
import { prune } from '../../src/prune/prune.ts';
import { type Clocked, withClock } from '../clocked.ts';
import { DELETIONS, FIFTH, prepareDeletions } from './deletions.ts';

for (const attack of DELETIONS)
  test(`${attack.name}: ${attack.codes.join(', ') || 'intact'}`, () =>
    withClock(async log => {
      await prepareDeletions(log);
      await attack.run(log);
      const codes = new Set(await log.findings());
      assert.deepEqual([...codes].toSorted(), attack.codes.toSorted());
      if (attack.codes.length === 0) assert.equal(await prunesLater(log), 'pruned');
    }));

/** The log goes on. */
async function prunesLater(log: Clocked): Promise<string> {
  log.pass(100);
  await log.release().catch(() => undefined);
  log.pass(10);
  const { pruned } = await prune(log.store, { ...log.at, clockIsRight: true });
  assert.ok(pruned.segments.some(s => s.segment === FIFTH));
  assert.deepEqual(await log.findings(), []);
  return 'pruned';
}
