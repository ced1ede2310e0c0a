import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash, hash } from 'node:crypto';
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { EVIDENCE } from '../../src/pack/controls.ts';
import { parseProof } from '../../src/log/proof.ts';
import { COLUMNS } from '../../src/record/schema.ts';
import { retained } from '../retained.ts';
import { nativeLines, type Sandbox } from '../sandbox.ts';
import { checkCommand, commandsIn } from '../typed.ts';

const RANGE = ['--since', '2026-05-02', '--until', '2026-05-03T00:00:00Z'];
const hasTar = spawnSync('tar', ['--version']).status === 0;

let box: Sandbox;
let folder: string;

before(async () => {
  box = await retained();
  folder = box.path('evidence');
  // From then on a head is known. An answer that is as it should be is no news to cron.
  assert.deepEqual(await box.run(['verify', '-q']), { code: 0, stdout: '', stderr: '' });
  const run = await box.run(['pack', ...RANGE, '-o', folder]);
  assert.equal(run.code, 0, run.stderr);
  assert.equal(run.stdout, `${folder}\n`);
});
after(() => box.remove());

const read = (name: string, at = folder): string => readFileSync(join(at, name), 'utf8');

const filesUnder = (at: string): string[] =>
  readdirSync(at, { recursive: true, withFileTypes: true })
    .filter(e => e.isFile())
    .map(e => join(e.parentPath, e.name).slice(at.length + 1))
    .toSorted();

/** What `sha256sum -c` would name. */
function altered(at: string): string[] {
  return read('SHA256SUMS', at)
    .trimEnd()
    .split('\n')
    .filter(line => {
      const [digest, name] = line.split('  ') as [string, string];
      return !existsSync(join(at, name)) || hash('sha256', readFileSync(join(at, name))) !== digest;
    })
    .map(line => line.split('  ')[1]!);
}

/** The verification that README of the pack tells an auditor to run, on a host that never saw the store. */
async function verified(at: string, keys = box.path('none')): ReturnType<Sandbox['run']> {
  const words = commandsIn(read('README.md', at)).find(w => w[0] === 'verify' && w.includes('--pack'))!;
  const inPack = words.map((w, i) => (['--store', '--pin'].includes(words[i - 1] ?? '') ? join(at, w) : w));
  return box.run([...inPack, '--keys', keys], undefined, { HOME: box.path('auditor') });
}

test('a pack of a span has the files of the span, the whole log, and each of its files under SHA256SUMS', () => {
  const files = filesUnder(folder);
  assert.deepEqual(
    files.filter(f => f.endsWith('.parquet')).map(f => f.slice(-16)),
    ['00000001.parquet'],
  );
  assert.deepEqual(altered(folder), []);
  const summed = read('SHA256SUMS')
    .trimEnd()
    .split('\n')
    .map(l => l.split('  ')[1]!);
  assert.deepEqual(
    summed,
    files.filter(f => f !== 'SHA256SUMS'),
  );
  const lines = read('records.ndjson').trimEnd().split('\n');
  assert.equal(lines.length, 200);
  for (const place of EVIDENCE) assert.ok(existsSync(join(folder, place)), place);
  assert.equal(read('fields.csv').trimEnd().split('\n').length, COLUMNS.length + 1);
});

test('what happened to records is in tables, and in the signed entries behind them', async () => {
  assert.match(read('policies.csv'), /^5,[^,]+,true,pci-dss 2026-01-01,default,30,40,sealed,,test:1,/m);
  assert.match(read('holds.csv'), /^6,[^,]+,c0ffee01,case-7,legal,1,,,true,/m);
  assert.deepEqual(
    readdirSync(join(folder, 'entries')).map(n => n.slice(8)),
    ['-genesis.note', '-policy.note', '-hold.note', '-prune.note'],
  );
  // The prune took records of another day.
  assert.equal(read('prunes.csv').split('\n').length, 2);
  const all = box.path('all');
  assert.equal((await box.run(['pack', '-o', all])).code, 0);
  assert.match(read('prunes.csv', all), /^7,[^,]+,prune,age,5,pci-dss 2026-01-01,1,200,2026-05-01T00/m);
  assert.equal(read('quarantine.csv', all), 'source,reason,lines,retried\npipe,not_json,1,0\n');
  assert.ok(!filesUnder(all).some(f => f.includes('quarantine/')));
  const run = await verified(all);
  assert.equal(run.code, 0, run.stdout);
  assert.match(run.stdout, /1 rejected line not in the pack/);
});

test('an auditor verifies it with the pin, without keys; it is told what was passed over', async () => {
  const run = await verified(folder);
  assert.equal(run.code, 0, run.stdout + run.stderr);
  assert.match(
    run.stdout,
    /^checked {2}1 segment, 1 payload .*, 3 outside the range passed over, 200 records hashed again$/m,
  );
  // Who leaves out the span is not told of files that the pack was never to have.
  const env = { HOME: box.path('auditor') };
  const short = ['verify', '--pack', '--store', join(folder, 'store'), '--pin', join(folder, 'pin.txt')];
  const spanless = await box.run([...short, '--keys', box.path('none')], undefined, env);
  assert.equal(spanless.code, 0, spanless.stdout);
  assert.match(spanless.stdout, /1 payload .*, 3 outside the range passed over$/m);
  assert.match(
    spanless.stderr,
    /^the pack is of a span: from 2026-05-02T00:00:00\.000000Z, before 2026-05-03/,
  );
  assert.equal(read('checkpoint'), read('store/log/checkpoint'));
  const report = JSON.parse(read('verification.json')) as Record<
    string,
    { exit: number; findings: unknown[] }
  >;
  for (const name of ['store', 'pack'])
    assert.deepEqual([report[name]!.exit, report[name]!.findings], [0, []]);
});

test('every command that README of the pack shows is one that the program takes', async () => {
  const found = commandsIn(read('README.md'));
  assert.ok(found.length >= 5);
  for (const command of found) await checkCommand(command);
  for (const [, name] of read('README.md').matchAll(/^\| ([\w.]+)[/,]? /gm))
    if (name !== 'file') assert.ok(existsSync(join(folder, name!)), name);
});

test('the hash of a record, made by hand, leads to the root of its manifest, whose note leads to the root of the log', () => {
  const name = readdirSync(join(folder, 'proofs')).find(n => n.endsWith('.tlog-proof'));
  const outer = parseProof(read(`proofs/${name}`));
  const inner = parseProof(outer.extra!.toString('utf8'));
  const line = read(`proofs/${name!.replace('.tlog-proof', '.ndjson')}`).replace(/\n$/, '');
  assert.ok(read('records.ndjson').split('\n').includes(line));
  const [, count, root] = inner.checkpoint.split('\n');
  assert.equal(climbed(leaf(line), inner.index, Number(count), inner.hashes), root);
  const [, size, logRoot] = read('checkpoint').split('\n');
  assert.equal(climbed(leaf(inner.checkpoint), outer.index, Number(size), outer.hashes), logRoot);
});

const leaf = (text: string): Buffer => createHash('sha256').update('\0').update(text).digest();

/** RFC 9162, 2.1.3.2, with nothing but node:crypto. */
function climbed(hashed: Buffer, index: number, size: number, path: readonly Buffer[]): string {
  let [node, fn, sn] = [hashed, index, size - 1];
  const join2 = (left: Buffer, right: Buffer): Buffer =>
    createHash('sha256').update('\x01').update(left).update(right).digest();
  for (const other of path) {
    if (fn % 2 === 1 || fn === sn) {
      node = join2(other, node);
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [fn >> 1, sn >> 1];
    } else node = join2(node, other);
    [fn, sn] = [fn >> 1, sn >> 1];
  }
  return node.toString('base64');
}

test('an altered file is named by the sums, and one of the store by verification as well', async () => {
  const copy = box.path('tampered');
  for (const name of filesUnder(folder)) {
    if (name === 'SHA256SUMS') continue;
    cpSync(folder, copy, { recursive: true });
    appendFileSync(join(copy, name), 'x');
    assert.deepEqual(altered(copy), [name]);
    rmSync(copy, { recursive: true });
  }
  cpSync(folder, copy, { recursive: true });
  const payload = filesUnder(copy).find(f => f.endsWith('.parquet'))!;
  const bytes = readFileSync(join(copy, payload));
  bytes[500]! ^= 1;
  writeFileSync(join(copy, payload), bytes);
  const run = await verified(copy);
  assert.equal(run.code, 1);
  assert.match(run.stdout, /PAYLOAD_ALTERED/);
});

test(
  'packed again as an archive that any tar unpacks, it is the same but for when it was packed',
  { skip: hasTar ? false : 'no tar here' },
  async () => {
    const archive = box.path('may.tar.gz');
    assert.equal((await box.run(['pack', ...RANGE, '-o', archive, '-q'])).code, 0);
    const place = box.path('unpacked');
    mkdirSync(place);
    const tar = spawnSync('tar', ['-xzf', archive, '-C', place], { encoding: 'utf8' });
    assert.deepEqual([tar.status, tar.stderr], [0, '']);
    const again = join(place, 'may');
    const names = filesUnder(folder);
    assert.deepEqual(filesUnder(again), names);
    assert.deepEqual(altered(again), []);
    const differing = names.filter(n => !readFileSync(join(folder, n)).equals(readFileSync(join(again, n))));
    assert.deepEqual(differing, ['SHA256SUMS', 'pack.json']);
    assert.equal((await verified(again)).code, 0);
  },
);

test('nothing is replaced, and what fails leaves nothing behind', async () => {
  const there = await box.run(['pack', '-o', folder]);
  assert.equal(there.code, 2);
  assert.match(there.stderr, /is there already\nhint: /);
  const empty = await box.run(['pack', '--since', '2030-01-01', '-o', box.path('empty')]);
  assert.equal(empty.code, 2);
  assert.match(empty.stderr, /no segment lies in that range/);
  assert.equal((await box.run(['pack'])).code, 2);
  assert.ok(!existsSync(box.path('empty')));
  assert.deepEqual(
    readdirSync(box.folder).filter(n => n.startsWith('.slmaudit-')),
    [],
  );
});

test('a pack stays good while its log grows on, and says so where the newer head is known', async () => {
  const grown = box.path('grown');
  cpSync(box.store, join(grown, 'store'), { recursive: true });
  cpSync(box.keys, join(grown, 'keys'), { recursive: true });
  const at = ['--store', join(grown, 'store'), '--keys', join(grown, 'keys')];
  assert.equal((await box.run(['ingest', ...at], nativeLines(3, 500_000))).code, 0);
  const run = await verified(folder, join(grown, 'keys'));
  assert.equal(run.code, 0, run.stdout);
  assert.match(run.stdout, /as it was with 8 entries; 9 are known here/);
  const plain = ['verify', '--store', join(folder, 'store'), '--keys', join(grown, 'keys'), '--segment', '1'];
  assert.match((await box.run(plain)).stdout, /ROLLBACK/);
  // What the checkpoint of the pack is kept for.
  const elsewhere = { HOME: box.path('elsewhere') };
  const since = await box.run(['verify', ...at, '--since-head', join(folder, 'checkpoint')], '', elsewhere);
  assert.equal(since.code, 0, since.stdout);
});

test('of a store that was altered a pack is made all the same: it says so at the top, and in its answer', async () => {
  const payload = box.files().find(f => f.endsWith('00000001.parquet'))!;
  const path = box.path('store', payload);
  const bytes = readFileSync(path);
  const spoilt = box.path('spoilt');
  const stray = box.path('store', 'records', 'a`\n\n# intact\n\n[all](is) \u001b[8mgood');
  try {
    writeFileSync(path, Buffer.concat([bytes, Buffer.from('x')]));
    writeFileSync(stray, 'x');
    const run = await box.run(['pack', '-o', spoilt]);
    assert.equal(run.code, 1);
    assert.match(run.stderr, /warning: verification found 2 things;/);
  } finally {
    writeFileSync(path, bytes);
    rmSync(stray);
  }
  const text = read('README.md', spoilt);
  assert.match(text.split('\n').slice(0, 7).join('\n'), /\*\*ALTERED\.\*\*[\s\S]*- PAYLOAD_ALTERED: /);
  const named = text.split('\n').find(line => line.startsWith('- STRAY_FILE'))!;
  assert.match(named, / \(`records\/a'\ufffd\ufffd# intact\ufffd\ufffd\[all\]\(is\) \ufffd\[8mgood`\)$/);
  assert.deepEqual(altered(spoilt), []);
  // Of the three days, one was pruned, and one is what was altered.
  assert.equal(read('records.ndjson', spoilt).trimEnd().split('\n').length, 200);
  assert.ok(filesUnder(spoilt).some(f => f.endsWith('00000001.parquet')));
  assert.equal((await verified(spoilt)).code, 1);
});
