import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { compact } from '../../src/compact/compact.ts';
import { prune } from '../../src/prune/prune.ts';
import { type History, readHistory } from '../../src/store/history.ts';
import { checkpointPath } from '../../src/store/layout.ts';
import { type Clocked, withClock } from '../clocked.ts';

/** All that it says, as text. */
const said = ({ head, genesis, at, inventory, retention }: History): string =>
  JSON.stringify([head, genesis, at, inventory.snapshot(), retention.policies, retention.holds]);

async function day(log: Clocked): Promise<void> {
  for (const records of [2, 1, 3]) await log.seal(records);
  log.pass(1);
}

test('a history that is read on says what one says that is read anew: segments, holds, what was joined and deleted', () =>
  withClock(async log => {
    const history = readHistory(log.store.at);
    const steps = [
      () => log.days(0, 3),
      () => day(log),
      () => log.hold({ id: 'c0ffee01', segments: [[1, 1]] }),
      () => compact(log.store, log.at),
      () => day(log),
      () => log.release({ id: 'c0ffee01' }),
      async () => {
        log.pass(5);
        await prune(log.store, { ...log.at, clockIsRight: true });
      },
    ];
    for (const step of steps) {
      await step();
      assert.equal(said(history.readOn()), said(readHistory(log.store.at)));
    }
    assert.ok(history.inventory.pruned.size > 0);
  }));

test('it goes on with no log that is shorter than it was', () =>
  withClock(async log => {
    await log.seal(2);
    const path = checkpointPath(log.store.at);
    const earlier = readFileSync(path);
    await log.seal(1);
    const history = readHistory(log.store.at);
    writeFileSync(path, earlier);
    readHistory(log.store.at);
    assert.throws(() => history.readOn(), { code: 'LOG_ALTERED' });
  }));
