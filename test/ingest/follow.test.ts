import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { Sandbox, withStore } from '../sandbox.ts';

let next = 0;
/** Lines that are told apart by their number. */
const lines = (n: number): string =>
  Array.from(
    { length: n },
    () => `${JSON.stringify({ ts: 1_777_593_600, request_id: `r-${next++}` })}\n`,
  ).join('');

const OPTIONS = ['--follow', '--acks', '--seal-every', '1s'];

async function until(what: string, holds: () => boolean): Promise<void> {
  for (let i = 0; i < 150; i++) {
    if (holds()) return;
    await wait(100);
  }
  assert.fail(`waited in vain for ${what}`);
}

/** A following ingest, told to wait until so many lines are on disk for good. */
function following(sandbox: Sandbox, ...files: string[]) {
  const started = sandbox.start(['ingest', ...OPTIONS, ...files]);
  const acknowledged = (n: number): Promise<void> =>
    until(`${n} lines`, () => started.output().includes(`{"acknowledged":${n}}`));
  const stop = async (signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> => {
    started.child.kill(signal);
    const { code, stderr } = await started.done;
    assert.ok(!stderr.includes('error'), stderr);
    return code;
  };
  return { acknowledged, stop };
}

/** Every line once, none else, and nothing to complain about. */
async function holdsEach(sandbox: Sandbox, count: number): Promise<void> {
  const sql = 'select count(*)::int as n, count(distinct request_id)::int as d from records';
  const { stdout } = await sandbox.run(['query', sql, '--format', 'csv']);
  assert.equal(stdout, `n,d\n${count},${count}\n`);
  const verified = await sandbox.run(['verify', '--records']);
  assert.equal(verified.code, 0, verified.stdout);
}

test('a file is followed as it grows, from before it exists; the answer to SIGTERM is 0', () =>
  withStore(async sandbox => {
    const path = sandbox.path('a.log');
    const run = following(sandbox, path);
    await wait(500);
    writeFileSync(path, '');
    await wait(500);
    const first = lines(1);
    appendFileSync(path, first.slice(0, 20));
    await wait(500);
    appendFileSync(path, first.slice(20) + lines(9));
    await run.acknowledged(10);
    appendFileSync(path, lines(5));
    await run.acknowledged(15);
    assert.equal(await run.stop(), 0);
    await holdsEach(sandbox, 15);
    const again = await sandbox.run(['ingest', path]);
    assert.match(again.stderr, /nothing new/);
  }));

test('through a rotation by rename: the old file is read to its end beside the new one', () =>
  withStore(async sandbox => {
    const path = sandbox.path('a.log');
    writeFileSync(path, lines(10));
    const run = following(sandbox, path);
    await run.acknowledged(10);
    for (let i = 1; i <= 3; i++) {
      appendFileSync(path, lines(5));
      renameSync(path, `${path}.${i}`);
      appendFileSync(`${path}.${i}`, lines(3));
      await wait(400);
      writeFileSync(path, lines(4));
      appendFileSync(`${path}.${i}`, lines(2));
      await run.acknowledged(10 + 14 * i);
    }
    assert.equal(await run.stop(), 0);
    await holdsEach(sandbox, 52);
  }));

test('through a rotation by copy and truncation: what was not read yet is read from the copy', () =>
  withStore(async sandbox => {
    const path = sandbox.path('a.log');
    writeFileSync(path, lines(10));
    const run = following(sandbox, path);
    await run.acknowledged(10);
    appendFileSync(path, lines(7));
    copyFileSync(path, `${path}.1`);
    truncateSync(path, 0);
    appendFileSync(path, lines(6));
    await run.acknowledged(23);
    // Cut and grown past where we were, between two looks.
    copyFileSync(path, `${path}.2`);
    truncateSync(path, 0);
    appendFileSync(path, lines(40));
    await run.acknowledged(63);
    assert.equal(await run.stop('SIGINT'), 130);
    await holdsEach(sandbox, 63);
  }));

test('what was written while nobody followed is read first, from where it was rotated to, gzipped or not', () =>
  withStore(async sandbox => {
    const path = sandbox.path('a.log');
    writeFileSync(path, lines(10));
    const run = following(sandbox, path);
    await run.acknowledged(10);
    await run.stop();

    appendFileSync(path, lines(5));
    renameSync(path, `${path}.1`);
    writeFileSync(path, lines(2));
    writeFileSync(`${path}.other`, lines(50));
    const second = following(sandbox, path);
    await second.acknowledged(7);
    await second.stop('SIGKILL');

    const whole = lines(3);
    appendFileSync(path, whole);
    const { readFileSync } = await import('node:fs');
    writeFileSync(`${path}.2.gz`, gzipSync(readFileSync(path)));
    writeFileSync(path, lines(4));
    const third = following(sandbox, path);
    await until('the new lines', () => existsSync(path));
    await third.acknowledged(7).catch(() => undefined);
    await third.stop();
    await holdsEach(sandbox, 24);
  }));

test('several files at once, and a gzip file is refused', () =>
  withStore(async sandbox => {
    const [a, b] = [sandbox.path('a.log'), sandbox.path('b.log')];
    writeFileSync(a, lines(3));
    writeFileSync(b, lines(4));
    const run = following(sandbox, a, b);
    await run.acknowledged(7);
    appendFileSync(b, lines(2));
    appendFileSync(a, lines(2));
    await run.acknowledged(11);
    await run.stop();
    await holdsEach(sandbox, 11);
    writeFileSync(sandbox.path('c.gz'), gzipSync(lines(1)));
    const refused = await sandbox.run(['ingest', '--follow', sandbox.path('c.gz')]);
    assert.deepEqual([refused.code, /gzip file, which does not grow/.test(refused.stderr)], [2, true]);
  }));

test('a file that is followed by several names is there once, and is followed on through its rotation into one of them', () =>
  withStore(async sandbox => {
    const [path, link, rotated] = [sandbox.path('a.log'), sandbox.path('b.log'), sandbox.path('a.log.1')];
    writeFileSync(path, lines(10));
    symlinkSync(path, link);
    const run = following(sandbox, path, link, path, rotated);
    await run.acknowledged(10);
    appendFileSync(path, lines(5));
    await run.acknowledged(15);
    renameSync(path, rotated);
    appendFileSync(rotated, lines(3));
    await wait(600);
    writeFileSync(path, lines(4));
    await run.acknowledged(22);
    assert.equal(await run.stop(), 0);
    await holdsEach(sandbox, 22);
    const again = await sandbox.run(['ingest', path, rotated]);
    assert.match(again.stderr, /^0 records sealed/m, 'all ranges are what the files hold');
  }));

test('what stands in the place of a rotated file for a moment, and can not be read, is waited out', () =>
  withStore(async sandbox => {
    const path = sandbox.path('a.log');
    writeFileSync(path, lines(5));
    const run = following(sandbox, path);
    await run.acknowledged(5);
    renameSync(path, `${path}.1`);
    mkdirSync(path);
    await wait(600);
    rmdirSync(path);
    spawnSync('mkfifo', [path]);
    await wait(600);
    rmSync(path);
    writeFileSync(path, lines(4));
    await run.acknowledged(9);
    assert.equal(await run.stop(), 0);
    await holdsEach(sandbox, 9);
  }));

test('files that are followed at once and begin with the same line are files of their own', () =>
  withStore(async sandbox => {
    const [one, two] = [sandbox.path('one.log'), sandbox.path('two.log')];
    const head = lines(1);
    for (const path of [one, two]) writeFileSync(path, head);
    const run = following(sandbox, one, two);
    await run.acknowledged(2);
    appendFileSync(one, lines(3));
    appendFileSync(two, lines(4));
    await run.acknowledged(9);
    assert.equal(await run.stop(), 0);
    const sql =
      'select source_id, count(*)::int as n, count(distinct request_id)::int as d from records group by 1 order by 1';
    const { stdout } = await sandbox.run(['query', sql, '--format', 'csv']);
    assert.equal(stdout, 'source_id,n,d\none.log,4,4\ntwo.log,5,5\n');
    const again = await sandbox.run(['ingest', one, two]);
    assert.match(again.stderr, /^0 records sealed/m, 'all ranges are what the files hold');
  }));
