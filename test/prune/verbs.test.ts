import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { takeLock } from '../../src/store/lock.ts';
import { lockPath, recordsPath } from '../../src/store/layout.ts';
import { Clocked } from '../clocked.ts';
import type { Run } from '../sandbox.ts';

/** A store that was begun a hundred days ago: sealed by day, due after sixty, asked by the real binary under the real clock. */
async function withOld(
  work: (log: Clocked, run: (...args: string[]) => Run) => Promise<void>,
): Promise<void> {
  const log = new Clocked(new Date(Date.now() - 100 * 86_400_000).toISOString());
  try {
    await log.days(30, 60);
    for (let day = 0; day < 100; day += 25, log.pass(25)) for (let n = 0; n < 2; n++) await log.seal(3);
    const env = {
      PATH: process.env['PATH'],
      HOME: log.folder,
      NO_COLOR: '1',
      SLMAUDIT_STORE: log.store.at.store,
      SLMAUDIT_KEYS: join(log.folder, 'keys'),
    };
    await work(log, (...args) => {
      const { status, stdout, stderr } = spawnSync(process.execPath, ['bin/slmaudit', ...args], { env });
      return { code: status, stdout: stdout.toString(), stderr: stderr.toString() };
    });
  } finally {
    log.remove();
  }
}

test('prune from cron: silent under -q, one line when something happened, the same as its dry run', () =>
  withOld(async (log, run) => {
    assert.equal(
      run('prune', '--lock-wait', '1s').code,
      2,
      'nothing was written for 25 days: the clock is in doubt',
    );
    await log.seal(1);
    const dry = run('prune', '--dry-run', '--format', 'json');
    assert.deepEqual(
      [dry.code, dry.stderr],
      [
        0,
        'would delete 4 segments, 12 records, 20.0 kB\n'.replace(
          /20\.0/,
          /[\d.]+(?= kB)/.exec(dry.stderr)![0],
        ),
      ],
    );
    const wet = run('prune', '--format', 'json');
    assert.equal(wet.stdout, dry.stdout);
    assert.match(
      wet.stderr,
      /^deleted 4 segments, 12 records, [\d.]+ kB \(entry \d+\)\njoined 4 small files into 2\n$/,
    );
    const again = run('prune', '-q');
    assert.deepEqual(again, { code: 0, stdout: '', stderr: '' });
    const verified = run('verify', '--records');
    assert.equal(verified.code, 0, verified.stdout);
    assert.match(verified.stdout, /13 records hashed again, 12 records deleted as recorded/);
  }));

test('people are shown what goes, by day and rule, and what stays and why', () =>
  withOld(async (log, run) => {
    await log.hold({ segments: [[1, 1]] });
    const { stdout, stderr } = run('prune', '--dry-run');
    const day = (ago: number): string => new Date(log.now - ago * 86_400_000).toISOString().slice(0, 10);
    const lines = stdout.trimEnd().split('\n');
    assert.equal(lines.length, 3);
    assert.match(
      lines[0]!,
      new RegExp(
        `^segment 0 {2}3 records .* sealed ${day(100)} {2}due ${day(40)} {2}max 60d of class default \\(policy 1\\)$`,
      ),
    );
    assert.match(lines[1]!, new RegExp(`^segments 2-3 {2}6 records .* due ${day(15)} `));
    assert.match(lines[2]!, new RegExp(`^kept segment 1 {2}3 records {2}due ${day(40)} {2}hold 0000000a$`));
    assert.match(stderr, /^would delete 3 segments, 9 records, /);
  }));

test('what is not as it was sealed is left and said, with 1; a locked store answers 75 at once; without a policy nothing is done', () =>
  withOld(async (log, run) => {
    await log.seal(1);
    const { inventory } = log.history();
    const path = recordsPath(log.store.at, inventory.files.get(0)!, inventory.get(0)!.at);
    const kept = `${log.folder}/kept`;
    copyFileSync(path, kept);
    writeFileSync(path, readFileSync(path).fill(1, 100, 120));
    const lock = await takeLock(lockPath(log.store.at), 0);
    assert.equal(run('prune', '-q').code, 75);
    lock.release();
    const altered = run('prune', '-q');
    assert.equal(altered.code, 1);
    assert.match(
      altered.stderr,
      /1 segment that was to go is not what was sealed, and stayed\nhint: run `slmaudit verify`/,
    );
    assert.match(altered.stdout, /^left out 0 {2}PAYLOAD_ALTERED {2}records\/sealed_on=/m);
    assert.match(
      run('prune', '-q').stderr,
      /1 segment .* not what was sealed, and stayed\n/,
      'nothing else is to go',
    );
    copyFileSync(kept, path);
    assert.match(run('prune').stderr, /^deleted 1 segment, 3 records/);
  }));

test('redact takes event ids and filters, wants a reason and --yes, and says what a policy keeps', () =>
  withOld(async (log, run) => {
    await log.seal(3);
    assert.match(run('redact', '--user', 'u-1').stderr, /give --reason as a code/);
    assert.match(
      run('redact', '--user', 'u-1', '--reason', 'test').stderr,
      /look with --dry-run, then say --yes/,
    );
    assert.match(run('redact', '--reason', 'test', '--yes').stderr, /name event ids, or say which records/);
    assert.match(
      run('redact', '--user', 'u-*', '--reason', 'test', '--dry-run').stderr,
      /^warning: rejected lines are looked through for whole values: of u-\* they may hold some still/m,
    );
    assert.match(
      run('redact', '--user', 'u-*', '--reason', 'test', '--yes').stderr,
      /policy 1 keeps segment/,
    );
    const old = ['--until', '40d', '--reason', 'erasure-request'];
    const dry = run('redact', '--user', 'u-1', ...old, '--dry-run');
    assert.match(dry.stderr, /^before .*\nwould redact 3 records in 3 segments\n$/);
    const done = run('redact', '--user', 'u-1', ...old, '--yes');
    assert.match(done.stderr, /\nredacted 3 records in 3 segments \(entry \d+\)\n$/);
    assert.deepEqual(
      JSON.parse(run('search', '--user', 'u-1', '--count', '--until', '40d', '--format', 'json').stdout),
      [{ records: 0 }],
    );
    assert.match(run('verify').stdout, /3 records redacted/);
  }));
