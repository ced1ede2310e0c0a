import assert from 'node:assert/strict';
import {
  copyFileSync,
  cpSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { parseReceipt, type Receipt } from '../../src/query/receipt.ts';
import { nativeLines, type Run, Sandbox } from '../sandbox.ts';

const box = new Sandbox();
let pin = '';

const SQL = 'select user_id, count(*) as n from records group by 1';

before(async () => {
  const made = await box.run(['init', '--no-recovery', '--origin', 'test.example/log']);
  pin = made.stdout.trim();
  const run = await box.run(['ingest', '--seal-records', '40'], nativeLines(120));
  assert.equal(run.code, 0, run.stderr);
  for (const name of ['ana', 'bo'])
    writeFileSync(
      box.path(`${name}.vkey`),
      (await box.run(['receipt', 'key', name, '-o', `${name}.key`])).stdout,
    );
  await Promise.all([
    answered(['query', SQL, '--receipt', 'query', '--sign-key', 'ana.key']),
    answered(['search', '--user', 'u-1', '--since', '2026-05-01T00:01:00Z', '--receipt', 'search']),
  ]);
  await answered(['context', '41', '--receipt', 'context']);
  await answered(['query', 'select count(*) n, max(entry) e from segments', '--receipt', 'segments']);
  await answered(['export', '--until', '2026-05-01T00:00:20Z', '--receipt', 'export', '-o', 'out.ndjson']);
});
after(() => box.remove());

async function answered(args: readonly string[]): Promise<void> {
  const run = await box.run(args);
  assert.equal(run.code, 0, run.stderr);
}

const verify = (name: string, ...args: string[]): Promise<Run> =>
  box.run(['receipt', 'verify', name, ...args]);

const receiptOf = (name: string): Receipt =>
  JSON.parse(readFileSync(box.path(name), 'utf8').split('\n', 1)[0]!) as Receipt;

/** Somebody changes a receipt that nobody signed, or whose signature they leave out. */
function changed(name: string, change: (receipt: Record<string, unknown> & Receipt) => unknown): string {
  const receipt = structuredClone(receiptOf(name)) as Record<string, unknown> & Receipt;
  writeFileSync(box.path('changed'), `${JSON.stringify({ ...receipt, ...(change(receipt) as object) })}\n`);
  return 'changed';
}

async function contradicted(name: string, code: string, ...args: string[]): Promise<void> {
  const run = await verify(name, '--format', 'json', ...args);
  assert.equal(run.code, 1, `${code}: ${run.stdout}${run.stderr}`);
  const { contradictions, exit } = JSON.parse(run.stdout) as {
    contradictions: { code: string }[];
    exit: number;
  };
  assert.deepEqual([contradictions[0]!.code, exit], [code, 1]);
}

test('what was asked, from what it was answered, and what it was not', () => {
  const { asked, read, leftOut, answer, size, origin, by } = receiptOf('search');
  assert.deepEqual(
    [asked.verb, asked.parameters, size, origin],
    ['search', { user: 'u-1', hashed_user_1: asked.parameters['hashed_user_1'] }, 4, 'test.example/log'],
  );
  assert.equal(asked.since, '2026-05-01T00:01:00.000000Z');
  assert.deepEqual(
    [read.map(r => [r.segment, r.entry]), leftOut],
    [
      [
        [1, 2],
        [2, 3],
      ],
      { outside: '0' },
    ],
  );
  assert.ok(answer.rows > 0 && by.user !== '');
  assert.match(answer.sha256, /^[0-9a-f]{64}$/);
  const { lines } = receiptOf('export').asked;
  assert.deepEqual([lines, receiptOf('context').answer.rows], [true, 11]);
});

test('a receipt is good: with the pin 0, with this host’s own 0, with none 4; the same asked again is the same', async () => {
  const run = await verify('query', '--pin', pin, '--key', 'ana.vkey', '--rerun');
  assert.equal(run.code, 0, run.stderr);
  const user = receiptOf('query').by;
  assert.deepEqual(run.stdout.split('\n'), [
    `good     7 rows of \`query\`, asked at ${receiptOf('query').at} by ${user.user} on ${user.host}`,
    'log      test.example/log, a checkpoint of 4 entries, the head here',
    'read     3 payloads, all of them here',
    'signed   by ana',
    'again    the same rows, byte for byte, from 3 payloads checked anew',
    `pin      ${pin}`,
    '',
  ]);
  const own = await verify('search');
  assert.equal(own.code, 0);
  assert.match(own.stdout, /^signed {3}by nobody$/m);
  assert.match(own.stdout, /own copy\)\nbetter {3}--pin .*; --rerun asks/);
  renameSync(box.keys, `${box.keys}-away`);
  try {
    const none = await verify('query');
    assert.equal(none.code, 4);
    assert.match(none.stdout, /^signed {3}by ana, not checked$/m);
    assert.match(none.stdout, /^pin {6}none: consistent in itself/m);
  } finally {
    renameSync(`${box.keys}-away`, box.keys);
  }
});

test('without the store the pin is enough for the checkpoint, and needed', async () => {
  const run = await verify('query', '--store', 'none', '--pin', pin, '--key', 'ana.vkey');
  assert.equal(run.code, 0, run.stderr);
  assert.match(run.stdout, /that log is not here\n/);
  assert.equal((await verify('query', '--store', 'none')).code, 2);
  assert.equal((await verify('query', '--store', 'none', '--pin', pin, '--rerun')).code, 2);
});

test('what is changed in a receipt contradicts the log, the signature or the answer', async () => {
  const other = changed('query', r => ({ genesis: '0'.repeat(64), origin: r.origin }));
  await contradicted(other, 'RECEIPT_LOG', '--pin', pin);
  await contradicted(
    changed('query', r => ({ size: r.size - 1 })),
    'RECEIPT_CHECKPOINT',
  );
  await contradicted(
    changed('query', r => ({ checkpoint: r.checkpoint.replace('\n4\n', '\n3\n'), size: 3 })),
    'RECEIPT_CHECKPOINT',
    '--store',
    'none',
    '--pin',
    pin,
  );
  const [first, ...rest] = receiptOf('query').read;
  await contradicted(
    changed('query', () => ({ read: [{ ...first!, sha256: 'f'.repeat(64) }, ...rest] })),
    'RECEIPT_SEGMENT',
  );
  await contradicted(
    changed('query', () => ({ read: rest })),
    'RECEIPT_SEGMENTS',
  );
  await contradicted(
    changed('search', () => ({ leftOut: {} })),
    'RECEIPT_SEGMENTS',
  );
  await contradicted(
    changed('query', r => ({ answer: { ...r.answer, rows: 8 } })),
    'ANSWER_DIFFERS',
    '--rerun',
  );
  await contradicted(
    changed('query', r => ({ asked: { ...r.asked, sql: `${SQL} having n > 17` } })),
    'ANSWER_DIFFERS',
    '--rerun',
  );
  const spared = changed('query', () => ({ read: rest, leftOut: { outside: '0' } }));
  await contradicted(spared, 'READ_DIFFERS', '--rerun');
  const { answer, asked } = receiptOf('query');
  for (const change of [
    { answer: { ...answer, columns: null } },
    { answer: { ...answer, columns: [7] } },
    { restated: [null] },
    { restated: { length: 1 } },
    { asked: { ...asked, lines: 7 } },
  ]) {
    const text = JSON.stringify({ ...receiptOf('query'), ...change });
    assert.throws(() => parseReceipt(text), { code: 'RECEIPT_MALFORMED' }, text);
  }
  for (const text of ['', '{}', readFileSync(box.path('query'), 'utf8').replace('— ana', '- ana')]) {
    writeFileSync(box.path('changed'), text);
    const run = await verify('changed', '--format', 'json');
    assert.deepEqual([run.code, run.stderr.includes('RECEIPT_MALFORMED')], [2, true], run.stderr);
  }
});

test('another order of the same rows is said, and is good', async () => {
  const same = changed('query', r => ({ answer: { ...r.answer, sha256: 'f'.repeat(64) } }));
  const run = await verify(same, '--rerun');
  assert.equal(run.code, 0, run.stdout);
  assert.match(run.stdout, /^again {4}the same rows in another order/m);
});

test('a signature is checked with --key: of another key, of an altered text, of nobody', async () => {
  await contradicted('query', 'RECEIPT_SIGNATURE', '--key', 'bo.vkey');
  await contradicted(
    'search',
    'RECEIPT_SIGNATURE',
    '--key',
    readFileSync(box.path('ana.vkey'), 'utf8').trim(),
  );
  writeFileSync(box.path('changed'), readFileSync(box.path('query'), 'utf8').replace('"rows":7', '"rows":8'));
  await contradicted('changed', 'RECEIPT_SIGNATURE', '--key', 'ana.vkey');
  assert.equal((await verify('query', '--key', 'nobody.vkey')).code, 2);
});

test('a key is made once, for its owner alone; a receipt is not made of what is not verified or not repeatable', async () => {
  assert.equal(statSync(box.path('ana.key')).mode & 0o777, 0o600);
  const made = readFileSync(box.path('ana.key'), 'utf8');
  assert.match(made, /^PRIVATE\+KEY\+ana\+[0-9a-f]{8}\+\S{44}\n$/);
  for (const args of [
    ['receipt', 'key', 'ana', '-o', 'ana.key'],
    ['receipt', 'key', 'a b', '-o', 'new.key'],
    ['query', SQL, '--sign-key', 'ana.key'],
    ['query', SQL, '--receipt', 'new', '--allow-unverified'],
    ['query', 'select now()', '--receipt', 'new'],
    ['query', SQL, '--receipt', 'new', '--sign-key', 'ana.vkey'],
  ]) {
    const run = await box.run(args);
    assert.equal(run.code, 2, args.join(' '));
    assert.ok(!run.stderr.includes(made.slice(-30)));
  }
  assert.equal(readFileSync(box.path('ana.key'), 'utf8'), made);
  assert.deepEqual(
    readdirSync(box.folder).filter(name => /^new|\.tmp/.test(name)),
    [],
  );
});

test('after more was sealed each question still has its answer over what there was then', async () => {
  cpSync(box.store, box.path('old'), { recursive: true });
  await box.run(['ingest'], nativeLines(30, 500));
  for (const name of ['query', 'search', 'context', 'segments', 'export']) {
    const run = await verify(name, '--rerun');
    assert.equal(run.code, 0, `${name}: ${run.stdout}${run.stderr}`);
    assert.match(run.stdout, /extended by the 5 that are here/);
    assert.match(run.stdout, /^again {4}the same rows, byte for byte/m);
  }
});

test('a log that was cut, or put back, contradicts it', async () => {
  await answered(['query', 'select count(*) from records', '--receipt', 'late']);
  assert.equal((await verify('late')).code, 0);
  await contradicted('late', 'RECEIPT_NOT_EXTENDED', '--store', 'old');
});

test('a payload that is gone is said and is no contradiction, but can not be asked; one that was altered is', async () => {
  const file = box.files().find(f => f.endsWith('00000001.parquet'))!;
  const path = join(box.store, file);
  copyFileSync(path, box.path('kept'));
  rmSync(path);
  const run = await verify('query');
  assert.equal(run.code, 0);
  assert.match(run.stdout, /not here any more: segment 1$/m);
  const again = await verify('query', '--rerun', '--format', 'json');
  assert.deepEqual([again.code, again.stderr.includes('PAYLOADS_GONE')], [2, true]);
  const bytes = readFileSync(box.path('kept'));
  bytes[200]! ^= 1;
  writeFileSync(path, bytes);
  assert.equal((await verify('query', '--rerun')).code, 1);
  rmSync(path);
  copyFileSync(box.path('kept'), path);
});

test('another log under the same name contradicts it, unless the pin says that it is another', async () => {
  const other = new Sandbox();
  try {
    await other.run(['init', '--no-recovery', '--origin', 'test.example/log']);
    await other.run(['ingest'], nativeLines(5));
    const own = await other.run(['receipt', 'verify', box.path('query')]);
    assert.equal(own.code, 1);
    assert.match(own.stdout, /^ALTERED {2}RECEIPT_LOG/);
    const pinned = await other.run(['receipt', 'verify', box.path('query'), '--pin', pin]);
    assert.deepEqual([pinned.code, pinned.stdout.includes('that log is not here')], [0, true]);
  } finally {
    other.remove();
  }
});
