import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { takeLock } from '../../src/store/lock.ts';
import { stateOf, thisProcess } from '../../src/store/owner.ts';

const folder = mkdtempSync(join(tmpdir(), 'slmaudit-lock-'));
after(() => rmSync(folder, { recursive: true }));

test('one holder at a time, however many want it', async () => {
  const path = join(folder, 'many');
  let [holders, most] = [0, 0];
  await Promise.all(
    Array.from({ length: 12 }, async () => {
      const lock = await takeLock(path, 20_000);
      most = Math.max(most, ++holders);
      await new Promise(r => setTimeout(r, 5));
      holders--;
      lock.release();
    }),
  );
  assert.equal(most, 1);
  assert.ok(!existsSync(path));
});

test('a lock that is held answers 75 with the next command', async () => {
  const path = join(folder, 'held');
  const lock = await takeLock(path, 0);
  await assert.rejects(takeLock(path, 30), { code: 'LOCKED', exit: 75 });
  lock.release();
  (await takeLock(path, 0)).release();
});

const self = thisProcess();
const gone = { ...self, pid: 2 ** 22 - 7, start: '1' };

test('a lock whose process is gone is taken over; one that can not be judged is not', async () => {
  const path = join(folder, 'dead');
  writeFileSync(path, JSON.stringify(gone));
  (await takeLock(path, 0)).release();
  writeFileSync(path, JSON.stringify({ ...gone, host: 'elsewhere' }));
  await assert.rejects(takeLock(path, 30), { code: 'LOCKED' });
  writeFileSync(path, 'nonsense');
  await assert.rejects(takeLock(path, 30), { code: 'LOCKED' });
});

test('who is alive, dead, or not to be told from here', () => {
  assert.equal(stateOf(self), 'alive');
  assert.equal(stateOf({ ...self, start: `${self.start}1` }), 'dead', 'the process id was given to another');
  assert.equal(stateOf({ ...self, boot: 'before' }), 'dead');
  assert.equal(stateOf({ ...self, host: 'elsewhere' }), 'unknown');
  if (self.pidns !== '') assert.equal(stateOf({ ...self, pidns: 'pid:[1]' }), 'unknown');
});
