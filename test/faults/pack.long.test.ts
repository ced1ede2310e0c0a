import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { nativeLines, withStore } from '../sandbox.ts';

/** A minute of work: `npm run test:faults`. */
const skip =
  process.platform !== 'linux'
    ? 'reads /proc'
    : process.env['SLMAUDIT_FAULTS'] === undefined && 'only in npm run test:faults';
const RECORDS = 300_000;
const MOST_MB = 500;

/** Resident memory of a process and of all it started, MB. */
function residentOf(pid: number): number {
  try {
    const kb = Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
    const children = readdirSync(`/proc/${pid}/task`).flatMap(task =>
      readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
    );
    return children.reduce((sum, child) => sum + residentOf(child), kb / 1024);
  } catch {
    // It has ended.
    return 0;
  }
}

test('a pack of 300,000 records is streamed: the process and its helpers stay under 500 MB', { skip }, () =>
  withStore(async box => {
    writeFileSync(box.path('a.ndjson'), nativeLines(RECORDS));
    assert.equal((await box.run(['ingest', '-q', box.path('a.ndjson')])).code, 0);
    const { child, done } = box.start(['pack', '-o', box.path('all.tar.gz'), '-q']);
    let most = 0;
    const watch = setInterval(() => (most = Math.max(most, residentOf(child.pid!))), 20);
    const { code, stderr } = await done;
    clearInterval(watch);
    assert.equal(code, 0, stderr);
    assert.ok(most > 50 && most < MOST_MB, `${most.toFixed(0)} MB`);
  }),
);
