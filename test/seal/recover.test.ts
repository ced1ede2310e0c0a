import assert from 'node:assert/strict';
import {
  appendFileSync,
  cpSync,
  existsSync,
  linkSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { formatFrame } from '../../src/store/frame.ts';
import { withOwner } from '../begun.ts';
import { nativeLines, type Sandbox, withStore } from '../sandbox.ts';

/** An open segment of a pipe with five acknowledged lines, as a killed writer leaves it. */
async function deadWriter(box: Sandbox): Promise<string> {
  const { child, done, output } = box.start(['ingest', '--acks', '--seal-every', '1h']);
  child.stdin.write(nativeLines(5));
  while (!output().includes('"acknowledged":5')) await new Promise(r => setTimeout(r, 20));
  child.kill('SIGKILL');
  await done;
  const name = readdirSync(`${box.store}/open`).find(n => n.endsWith('.open'));
  return join(box.store, 'open', name!);
}

async function records(box: Sandbox): Promise<number> {
  const run = await box.run(['verify', '--records', '--format', 'json']);
  assert.equal(run.code, 0, run.stdout);
  return (JSON.parse(run.stdout) as { checked: { records: number } }).checked.records;
}

test("a dead writer's lines are sealed by the next ingest, and by seal", () =>
  withStore(async box => {
    await deadWriter(box);
    const next = await box.run(['ingest'], nativeLines(1, 100));
    assert.match(next.stderr, /^5 records of an interrupted run sealed$/m);
    assert.equal(await records(box), 6);
    await deadWriter(box);
    assert.match((await box.run(['seal'])).stderr, /^segment 2: 5 records sealed$/m);
    assert.equal(await records(box), 11);
    assert.deepEqual(readdirSync(`${box.store}/open`), []);
  }));

test('a damaged line of an open segment is counted in the manifest, the lines around it are sealed', () =>
  withStore(async box => {
    const path = await deadWriter(box);
    const lines = readFileSync(path, 'utf8').split('\n');
    const at = lines.findIndex(line => line.includes('r-2'));
    lines[at] = lines[at]!.replace('qwen3', 'qwen4');
    writeFileSync(path, lines.join('\n'));
    assert.equal((await box.run(['seal'])).code, 0);
    assert.equal(await records(box), 4);
    const report = JSON.parse((await box.run(['verify', '--format', 'json'])).stdout) as {
      checked: { damaged: number };
    };
    assert.equal(report.checked.damaged, 1);
  }));

test('a torn last line is left out; it was never acknowledged', () =>
  withStore(async box => {
    const path = await deadWriter(box);
    writeFileSync(path, `${readFileSync(path, 'utf8')}{"c":"0f3a2b1c","s":0,"o":99,"r":{"ts`);
    assert.equal((await box.run(['seal'])).code, 0);
    assert.equal(await records(box), 5);
  }));

test('the open segment of another host is left alone and said, and sealed by seal --take', () =>
  withStore(async box => {
    withOwner(box, await deadWriter(box), { host: 'elsewhere' });
    const seal = await box.run(['seal']);
    assert.equal(seal.code, 0);
    assert.match(seal.stderr, /belongs to process \d+ on elsewhere and was left alone\nhint: .*--take/);
    assert.equal(await records(box), 0);
    assert.equal((await box.run(['seal', '--take'])).code, 0);
    assert.equal(await records(box), 5);
  }));

test("a file whose lines lie in another host's open segment is not read a second time", t =>
  withStore(async box => {
    const file = box.path('a.ndjson');
    writeFileSync(file, nativeLines(60_000));
    const { child, done, output } = box.start(['ingest', '--acks', file]);
    while (!output().includes('acknowledged')) await new Promise(r => setTimeout(r, 5));
    child.kill('SIGKILL');
    await done;
    const open = readdirSync(`${box.store}/open`).filter(n => n.endsWith('.open'));
    if (open.length === 0) return t.skip('it was quick enough to seal');
    withOwner(box, join(box.store, 'open', open[0]!), { host: 'elsewhere' });
    const refused = await box.run(['ingest', file]);
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /open segment that was left alone.*\nhint: .*--take/);
    assert.equal((await box.run(['seal', '--take'])).code, 0);
    assert.equal((await box.run(['ingest', file])).code, 0);
    assert.equal(await records(box), 60_000);
  }));

test('an open segment that was taken over and whose header is damaged since is named by where it lies, and its file is not read again', () =>
  withStore(async box => {
    const file = box.path('a.ndjson');
    writeFileSync(file, nativeLines(5));
    const stream = 'ab'.repeat(16);
    await box.run(['ingest', file]);
    const { stdout } = await box.run([
      'query',
      "select text from entries where kind = 'segment'",
      '--format',
      'json',
    ]);
    const identity = /source a\.ndjson ([0-9a-f]{32})/.exec(stdout)![1]!;
    const taken = join(box.store, 'open', `${stream}.taken`);
    const about = { name: 'a.ndjson', stream: identity, kind: 'file', from: 0 };
    writeFileSync(taken, `{"c":"00000000","h":{}}\n${formatFrame(`"s":0,"f":${JSON.stringify(about)}}`)}`);
    appendFileSync(file, nativeLines(1, 9));
    const run = await box.run(['ingest', file]);
    assert.equal(run.code, 2);
    assert.ok(
      run.stderr.includes(`lines of a.ndjson lie in an open segment that was left alone: ${taken}\n`),
      run.stderr,
    );
    assert.ok(run.stderr.includes(`warning: ${taken} can not be sealed and was left alone`), run.stderr);
  }));

test('a store that is older than its keys is refused with ROLLBACK, and nothing is written', () =>
  withStore(async box => {
    await box.run(['ingest'], nativeLines(3));
    cpSync(box.store, box.path('older'), { recursive: true });
    await box.run(['ingest'], nativeLines(3, 10));
    rmSync(box.store, { recursive: true });
    renameSync(box.path('older'), box.store);
    const before = box.files();
    const run = await box.run(['ingest'], nativeLines(1, 20));
    assert.equal(run.code, 1);
    assert.match(run.stderr, /is older than its keys/);
    assert.deepEqual(
      box.files().filter(f => !f.startsWith('open/')),
      before,
    );
    assert.match((await box.run(['verify'])).stdout, /ROLLBACK/);
  }));

test('a checkpoint that the log key did not sign stops every writer', () =>
  withStore(async box => {
    await box.run(['ingest'], nativeLines(3));
    const path = `${box.store}/log/checkpoint`;
    const text = readFileSync(path, 'utf8');
    writeFileSync(
      path,
      text.replace(/.(?=\n$)/, c => (c === 'A' ? 'E' : 'A')).replace(/[A-Za-z0-9]{4}=\n$/, 'AAA=\n'),
    );
    assert.equal((await box.run(['seal'])).code, 1);
    writeFileSync(path, text);
    assert.equal((await box.run(['seal'])).code, 0);
    assert.ok(existsSync(path));
  }));

test('a file whose lines lie in a segment that can not be sealed is not read a second time', t =>
  withStore(async box => {
    const file = box.path('a.ndjson');
    writeFileSync(file, nativeLines(60_000));
    const { child, done, output } = box.start(['ingest', '--acks', file]);
    while (!output().includes('acknowledged')) await new Promise(r => setTimeout(r, 5));
    child.kill('SIGKILL');
    await done;
    const name = readdirSync(`${box.store}/open`).find(n => n.endsWith('.open'));
    if (name === undefined) return t.skip('it was quick enough to seal');
    const path = join(box.store, 'open', name);
    const [first, ...rest] = readFileSync(path, 'utf8').split('\n');
    const bad = formatFrame('"s":0,"o":1,"r":{"ts":"x"}}').trimEnd();
    writeFileSync(path, [first, rest[0], bad, ...rest.slice(1)].join('\n'));
    const seal = await box.run(['seal']);
    assert.match(seal.stderr, /could not be sealed \(can't write/);
    assert.equal((await box.run(['ingest', file])).code, 2);
    assert.equal(await records(box), 0);
  }));

test('a temporary name that a crash left of a live key goes, and the key stays', () =>
  withStore(async box => {
    const folder = `${box.keys}/test.example+log`;
    // Killed between link(2) and unlink(2): two names of one file. It was once erased as a copy.
    for (const [live, place] of [
      ['epoch/1.key', 'epoch'],
      ['record.key', '.'],
    ] as const)
      linkSync(`${folder}/${live}`, `${folder}/${place}/.tmp-0123456789abcdef`);
    assert.equal((await box.run(['ingest'], nativeLines(2))).code, 0);
    assert.equal(await records(box), 2);
    const left = readdirSync(folder, { recursive: true, encoding: 'utf8' });
    assert.deepEqual(
      left.filter(name => name.includes('.tmp-')),
      [],
    );
    assert.equal((await box.run(['hash', '--text', 'x'])).code, 0);
  }));

test('a partial tile that a killed writer had not come to remove goes with the next writer', () =>
  withStore(async box => {
    for (const n of [0, 1]) await box.run(['ingest'], nativeLines(1, n));
    const tile = join(box.store, 'log', 'tile', '0', '000.p');
    const narrower = readFileSync(join(tile, '3')).subarray(0, 64);
    writeFileSync(join(tile, '2'), narrower);
    assert.equal((await box.run(['seal'])).code, 0);
    assert.deepEqual(readdirSync(tile), ['3']);
  }));
