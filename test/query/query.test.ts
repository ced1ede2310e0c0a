import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { entryHash } from '../../src/log/entry.ts';
import { query } from '../../src/query/query.ts';
import { readKnown } from '../../src/store/known.ts';
import { readCheckpoint, readEntries } from '../../src/store/log.ts';
import { openStore } from '../../src/store/store.ts';
import { nativeLines, Sandbox } from '../sandbox.ts';

const box = new Sandbox();
const lines: Record<string, unknown>[] = [
  {
    ts: '2026-05-01T00:00:07.603Z',
    user_id: 'ana',
    output_tokens: 9007199254740991,
    latency_us: 1500,
    prompt: 'Hi',
  },
  { ts: '2026-05-02T00:00:00.000001Z', user_id: '\ufeff"b,\n', output_tokens: 9007199254740991 },
];

before(async () => {
  await box.run(['init', '--no-recovery', '--origin', 'test.example/log']);
  await box.run(['ingest'], `${lines.map(l => JSON.stringify(l)).join('\n')}\n`);
  await box.run(['ingest', '--seal-records', '50'], nativeLines(120));
});

after(() => box.remove());

async function rows(sql: string): Promise<unknown[]> {
  const run = await box.run(['query', sql, '--format', 'json']);
  assert.equal(run.code, 0, run.stderr);
  return JSON.parse(run.stdout) as unknown[];
}

test('integers are digits, beyond 2^53-1 in a string; times are RFC 3339 with Z; hashes hex; ids UUIDs', async () => {
  const [row] = (await rows(
    "select *, sum(output_tokens) over () as total from records where user_id = 'ana'",
  )) as Record<string, unknown>[];
  assert.equal(row!['output_tokens'], 9007199254740991);
  assert.equal(row!['ts'], '2026-05-01T00:00:07.603000Z');
  assert.deepEqual([row!['seq'], row!['latency_ms'], row!['status']], [0, 1.5, 'unknown']);
  assert.match(String(row!['prompt_hash']), /^[0-9a-f]{64}$/);
  assert.match(String(row!['event_id']), /^[0-9a-f]{8}-[0-9a-f]{4}-8/);
  assert.deepEqual(
    await rows(
      "select sum(output_tokens) as s from records where ts < '2026-05-03' and source_id = 'pipe' and seq < 2",
    ),
    [{ s: '18014398509481982' }],
  );
  assert.equal(
    (
      await rows(
        `select 1 from records where event_id = '${String(row!['event_id'])}' and prompt_hash = '${String(row!['prompt_hash'])}'`,
      )
    ).length,
    1,
  );
});

test('seq is the place of a record in the log, over all segments', async () => {
  assert.deepEqual(await rows('select min(seq) a, max(seq) b, count(distinct seq) c from records'), [
    { a: 0, b: 121, c: 122 },
  ]);
  assert.deepEqual(await rows("select seq from records where request_id = 'r-119'"), [{ seq: 121 }]);
});

test('table, json, ndjson and csv', async () => {
  const sql = 'select user_id, output_tokens as n, error_type as none from records order by seq limit 2';
  const out = async (format: string): Promise<string> =>
    (await box.run(['query', sql, '--format', format])).stdout;
  assert.equal(
    await out('ndjson'),
    '{"user_id":"ana","n":9007199254740991,"none":null}\n{"user_id":"\ufeff\\"b,\\n","n":9007199254740991,"none":null}\n',
  );
  assert.equal(await out('csv'), 'user_id,n,none\nana,9007199254740991,\n"\ufeff""b,\n",9007199254740991,\n');
  assert.equal((JSON.parse(await out('json')) as unknown[]).length, 2);
  const table = await out('table');
  assert.match(table, /^user_id +n {2}none$/m);
  assert.match(
    table,
    /\\u\{feff\}"b,\\u\{a\} +9007199254740991$/m,
    'nothing reaches the terminal as a command',
  );
  assert.equal(await out('json').then(t => (t.endsWith(']\n') ? 'whole' : t)), 'whole');
  assert.equal(
    (await box.run(['query', 'select 1 from records where false', '--format', 'json'])).stdout,
    '[]\n',
  );
});

// One of each: what is refused at all stands in escapes.test.ts.
for (const [sql, code] of [
  ['drop table records', 'SQL_REFUSED'],
  ["select * from '/etc/passwd'", 'SQL_REFUSED'],
  ['', 'SQL_REFUSED'],
  ['selec 1', 'SQL_ERROR'],
  ['select nope from records', 'SQL_ERROR'],
] as const) {
  test(`${JSON.stringify(sql)} is answered with ${code} and exit 2`, async () => {
    const run = await box.run(['query', sql, '--format', 'json']);
    assert.equal(run.code, 2);
    assert.equal((JSON.parse(run.stderr) as { error: { code: string } }).error.code, code, run.stderr);
    assert.equal(run.stdout, '');
  });
}

test('a question that is misspelled has read the log for the next one too', async () => {
  const known = join(box.folder, 'known');
  const store = openStore(box.store, box.keys);
  const [first] = readEntries(store.at, 0, 1);
  const sink = { columns: () => undefined, rows: () => true, end: () => undefined };
  const asked = query(store, { sql: 'selec 1', parameters: {} }, { memory: 1 << 28, known }, sink);
  await assert.rejects(asked, { code: 'SQL_ERROR' });
  assert.equal(readKnown(known, entryHash(first!)).log?.size, readCheckpoint(store.at).size);
});

test('a payload that was altered is not read, and the answer is 1', async () => {
  const other = new Sandbox();
  try {
    await other.run(['init', '--no-recovery']);
    await other.run(['ingest'], nativeLines(20));
    const file = other.files().find(f => f.endsWith('.parquet'))!;
    const bytes = readFileSync(join(other.store, file));
    bytes[200]! ^= 1;
    rmSync(join(other.store, file));
    writeFileSync(join(other.store, file), bytes);
    const run = await other.run(['query', 'select count(*) from records', '--format', 'json']);
    assert.deepEqual([run.code, run.stdout], [1, '']);
    assert.match(run.stderr, /PAYLOAD_ALTERED.*segment 0/);
  } finally {
    other.remove();
  }
});

test('what a running ingest has on disk is answered too, and counted by status', async () => {
  const { child, done, heard } = box.start(['ingest', '--acks', '--seal-every', '1h']);
  child.stdin.write(nativeLines(7, 50_000));
  await heard('"acknowledged":7');
  assert.deepEqual(
    await rows("select count(*) n, count(seq) sealed from records where request_id like 'r-5____'"),
    [{ n: 7, sealed: 0 }],
  );
  const status = JSON.parse((await box.run(['status', '--format', 'json'])).stdout) as {
    open: object;
    records: number;
  };
  assert.deepEqual([status.open, status.records], [{ segments: 1, records: 7, rejected: 0 }, 122]);
  child.stdin.end();
  await done;
  assert.deepEqual(await rows("select count(seq) n from records where request_id like 'r-5____'"), [
    { n: 7 },
  ]);
});

test('a query leaves nothing behind, stops at its time limit and survives a reader that leaves', async () => {
  const env = { TMPDIR: box.path('tmp') };
  mkdirSync(env.TMPDIR);
  const sql = 'select count(*) from range(100000000000) a';
  const late = await box.run(['query', sql, '--timeout', '500ms'], undefined, env);
  assert.equal(late.code, 2);
  const began = performance.now();
  const { child, done } = box.start(['query', 'select a.* from records a, records b, records c'], { env });
  child.stdout.once('data', () => child.stdout.destroy());
  assert.equal((await done).code, 0);
  assert.ok(performance.now() - began < 20_000, 'it went on without a reader');
  assert.deepEqual(readdirSync(env.TMPDIR), []);
  assert.ok(!existsSync(box.path('core')));
});

test('an answer that fails midway is no answer, however many rows it had', async () => {
  const sql = `select case when range = 300000 then 'x' else range::varchar end::int as n from range(400000)`;
  const run = await box.run(['query', sql, '--format', 'ndjson']);
  assert.equal(run.code, 2, `${run.stdout.length} characters, and no error`);
  assert.match(run.stderr, /Could not convert string 'x'/);
  const wide = `select string_split('a,b', ',') as list, repeat('x', 1000) as text from range(300000) order by hash(range)`;
  const large = await box.run(['query', wide, '--format', 'ndjson', '--memory', '64MiB']);
  assert.equal(large.code, 2, `${large.stdout.split('\n').length} lines, and no error`);
  assert.match(large.stderr, /needs more memory/);
});

test('a type that depends on a parameter, and two columns of one name', async () => {
  const run = await box.run([
    'query',
    'select $a as x, $b::int as y, $a as x',
    '--param',
    'a=1',
    '--param',
    'b=2',
  ]);
  assert.equal(run.stdout, '{"x":"1","y":2,"x:1":"1"}\n', run.stderr);
});

test('a query is asked as it was written, whatever stands behind it', async () => {
  const joined = `select count(*) as n from (select distinct user_id from records) cross join (select unnest(range(2)) as h)
    left join (select user_id, 1 as h from records) using (user_id, h)`;
  const [{ n }] = (await rows(joined)) as [{ n: number }];
  assert.ok(n >= 8, 'USING belongs to both that stand before it');
  for (const behind of [';', '; -- the end', ' -- the end', '/* the */ ; /* end */', "\n;\n-- 'end"])
    assert.deepEqual(await rows(`select 'a -- b' as t${behind}`), [{ t: 'a -- b' }], behind);
});
