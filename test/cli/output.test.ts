import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { nativeLines, type Run, Sandbox } from '../sandbox.ts';

const box = new Sandbox();
const SLOW = 'select count(*) as n from range(200000) a, range(200000) b where hash(a.range + b.range) = 1';

before(async () => {
  await box.run(['init', '--no-recovery', '--origin', 'test.example/log']);
  const evil = { ts: '2026-05-02T00:00:00Z', user_id: '\u001b[31m<b>|`=1+1\u202e' };
  await box.run(['ingest'], `${nativeLines(2000)}${JSON.stringify(evil)}\n`);
});

after(() => box.remove());

test('-o picks the format by its name, writes for the owner alone, and all of it', async () => {
  const sql = 'select seq, ts, user_id, output_tokens from records order by seq';
  const to = async (name: string): Promise<Buffer> => {
    const run = await box.run(['query', sql, '-o', box.path(name)]);
    assert.deepEqual([run.code, run.stdout], [0, ''], run.stderr);
    return readFileSync(box.path(name));
  };
  const csv = (await to('a.csv')).toString('utf8').split('\n');
  assert.deepEqual([csv[0], csv.length], ['seq,ts,user_id,output_tokens', 2003]);
  assert.equal(csv[2001], '2000,2026-05-02T00:00:00.000000Z,\u001b[31m<b>|`=1+1\u202e,', 'data stays data');
  assert.equal(statSync(box.path('a.csv')).mode & 0o777, 0o600);
  assert.equal((JSON.parse((await to('a.json')).toString('utf8')) as unknown[]).length, 2001);
  assert.match((await to('a.md')).toString('utf8'), /^\| seq \| ts \|.*\n\| --: \| --- \|/);
  assert.match((await to('a.html')).toString('utf8'), /^<!doctype html>/);
  const parquet = await to('a.parquet');
  const file = parquet.buffer.slice(parquet.byteOffset, parquet.byteOffset + parquet.length) as ArrayBuffer;
  const rows = await parquetReadObjects({ file, compressors });
  assert.equal(rows.length, 2001);
  assert.deepEqual(rows[7], {
    seq: 7n,
    ts: new Date('2026-05-01T00:00:07.091Z'),
    user_id: 'u-0',
    output_tokens: 7n,
  });
  assert.equal(rows[2000]!['user_id'], '\u001b[31m<b>|`=1+1\u202e');
});

test('a query that fails leaves the file that was there, and no other', async () => {
  mkdirSync(box.path('out'));
  const path = box.path('out', 'kept.csv');
  writeFileSync(path, 'before');
  // It fails behind its first rows.
  const sql = `select case when seq < 1900 then seq else cast(request_id as int) end as n from records order by seq`;
  for (const args of [
    ['query', sql],
    ['query', 'select nope'],
    ['search', '--sort', 'nope'],
    ['query', sql, '--format', 'parquet'],
  ]) {
    const run = await box.run([...args, '-o', path]);
    assert.equal(run.code, 2, args.join(' '));
    assert.deepEqual([readFileSync(path, 'utf8'), readdirSync(box.path('out'))], ['before', ['kept.csv']]);
  }
  for (const [to, said] of [
    [
      box.path('no', 'such', 'folder.csv'),
      /^slmaudit: error: can't write .*folder\.csv: no such file or directory\nhint: name a file/,
    ],
    [box.path('out'), /^slmaudit: error: can't write .*out: it is a folder\nhint: name a file/],
  ] as const) {
    const none = await box.run(['query', 'select 1', '-o', to]);
    assert.equal(none.code, 2);
    assert.match(none.stderr, said);
  }
  const pipe = box.path('out', 'pipe');
  execFileSync('mkfifo', [pipe]);
  const [read, written] = await Promise.all([
    readFile(pipe, 'utf8'),
    box.run(['query', 'select 1 as a', '-o', pipe]),
  ]);
  assert.deepEqual([written.code, read], [0, '{"a":1}\n'], 'a pipe is written to; nothing takes its place');
});

test('an error points at the column and names the nearest; a table, a function and a parameter too', async () => {
  for (const [sql, said] of [
    [
      'select user_idd\nfrom records',
      /^slmaudit: error: there is no column "user_idd"\n {2}LINE 1: select user_idd\n +\^\nhint: did you mean user_id/,
    ],
    ['select r.modle from records r', /does not|no column "modle"[^]*did you mean model/],
    ['select user from records', /no column "user"[^]*did you mean user_id/],
    ['select * from record', /no table "record"\nhint: there are the tables records, requests/],
    ['selec 1', /LINE 1: selec 1\n +\^/],
    ['select $top', /parameter \$top and no value for it\nhint: add --param top=VALUE/],
  ] as const) {
    const run = await box.run(['query', sql]);
    assert.equal(run.code, 2, sql);
    assert.match(run.stderr, said, sql);
  }
});

test('Ctrl-C stops a long query at once, with 130 and nothing left behind', async () => {
  const env = { TMPDIR: box.path('tmp') };
  mkdirSync(env.TMPDIR);
  const path = box.path('never.csv');
  const { child, done } = box.start(['query', SLOW, '-o', path], { env });
  while (readdirSync(env.TMPDIR).length === 0) await new Promise(resolve => setTimeout(resolve, 20));
  await new Promise(resolve => setTimeout(resolve, 1500));
  const began = performance.now();
  child.kill('SIGINT');
  const { code, stderr } = await done;
  assert.ok(performance.now() - began < 20_000, `${performance.now() - began} ms`);
  assert.deepEqual([code, stderr], [130, 'slmaudit: error: stopped\n']);
  assert.deepEqual(readdirSync(env.TMPDIR), []);
  assert.ok(!existsSync(path));
  const left = readdirSync(box.folder).filter(name => name.endsWith('.tmp'));
  assert.deepEqual(left, []);
});

/** With standard output and error on a terminal of 80 columns. */
function onTerminal(command: string, env: NodeJS.ProcessEnv = {}): Promise<Run> {
  const binary = join(process.cwd(), 'bin', 'slmaudit');
  const whole = `stty cols 80; ${process.execPath} ${binary} ${command}`;
  const child = spawn('script', ['-qec', whole, '/dev/null'], {
    env: { ...box.env, NO_COLOR: undefined, TERM: 'xterm', SHELL: '/bin/sh', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (more: string) => (stdout += more));
  return new Promise(resolve => child.on('close', code => resolve({ code, stdout, stderr: '' })));
}

const hasScript = existsSync('/usr/bin/script');

test(
  'on a terminal: colors, a table that fits, progress after a second, near names where nothing is found',
  { skip: !hasScript },
  async () => {
    const file = box.path('table.txt');
    const [shown, plain, none, slow] = await Promise.all([
      onTerminal('search --limit 2 --sort -seq'),
      onTerminal('search --limit 1', { NO_COLOR: '1' }),
      onTerminal('search --user u_3'),
      onTerminal(`query "${SLOW}" --timeout 4s`),
    ]);
    assert.match(shown.stdout, /\u001b\[1m/);
    assert.match(shown.stdout, /\\u\{1b\}/, 'what a log holds is spelled out');
    const lines = shown.stdout
      .replaceAll(/\u001b\[\d+m|\r\u001b\[K[^\r]*(?=\r\u001b\[K)|\r\u001b\[K/g, '')
      .split('\r\n');
    for (const line of lines) assert.ok(line.length <= 80, line);
    assert.doesNotMatch(plain.stdout, /\u001b\[\d/);
    assert.equal((await onTerminal(`search --limit 1 -o ${file}`)).code, 0);
    assert.match(readFileSync(file, 'utf8'), /^seq +ts +[^\u001b]*1 row\n$/);
    assert.match(none.stdout, /0 rows.*\r\n.*no record has the user_id u_3; did you mean u-3/);
    assert.match(slow.stdout, /\r\u001b\[Kquerying, \d+ s\r\u001b\[K.*longer than it may/s);
  },
);

test('in a pipe: no colors, no progress, ndjson, and the first rows before the last are made', async () => {
  const forced = await box.run(['search', '--limit', '1'], undefined, { NO_COLOR: undefined });
  assert.doesNotMatch(forced.stdout + forced.stderr, /\u001b/);
  assert.match(forced.stdout, /^\{"seq":0,.*\}\n$/);
  const { child, done } = box.start(['query', 'select a.seq from records a, records b, records c']);
  await new Promise<void>(resolve => child.stdout.once('data', () => resolve()));
  child.kill('SIGINT');
  assert.equal((await done).code, 130);
});

test(
  'an output that is full is told in one line by every verb, and is exit code 2, not 1: nothing was altered',
  { skip: !existsSync('/dev/full') },
  async () => {
    const full = (args: readonly string[]): Promise<Omit<Run, 'stdout'>> =>
      new Promise(resolve => {
        const out = openSync('/dev/full', 'w');
        const binary = join(process.cwd(), 'bin', 'slmaudit');
        const child = spawn(process.execPath, [binary, ...args], {
          env: box.env,
          stdio: ['ignore', out, 'pipe'],
        });
        closeSync(out);
        let stderr = '';
        child.stderr!.setEncoding('utf8').on('data', (text: string) => (stderr += text));
        child.on('close', code => resolve({ code, stderr }));
      });
    const runs = await Promise.all(
      [['--version'], ['rules', 'list'], ['query', 'select * from records'], ['report', 'usage']].map(full),
    );
    for (const { code, stderr } of runs) {
      assert.match(
        stderr,
        /^slmaudit: error: cannot write to standard output: no space left on device\nhint: .*\n$/,
      );
      assert.equal(code, 2);
    }
    const named = await box.run(['query', 'select 1 as n', '-o', '/dev/full']);
    assert.equal(named.code, 2);
    assert.match(named.stderr, /^slmaudit: error: can't write \/dev\/full: no space left on device\n/);
  },
);

test('an error that nobody waits for is told, and is exit code 2, not 1: nothing was altered', async () => {
  const thrown = "setTimeout(() => { throw new Error('lost \u001b[31m') }, 400)";
  const { child, done } = box.start(['ingest', '--json'], {
    env: { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(thrown)}` },
  });
  const { code, stderr } = await done;
  child.stdin.destroy();
  assert.equal(code, 2, stderr);
  assert.deepEqual(JSON.parse(stderr), {
    error: {
      code: 'INTERNAL',
      message: 'lost \u001b[31m',
      hint: 'set SLMAUDIT_DEBUG=1 to see where it happened',
    },
  });
});
