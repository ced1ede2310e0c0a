import assert from 'node:assert/strict';
import { chmodSync, readdirSync, readFileSync } from 'node:fs';
import { hash } from 'node:crypto';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { nativeLines, type Run, Sandbox } from '../sandbox.ts';

const box = new Sandbox();
const SECRET = `sk-${'proj-Ab3'.repeat(6)}`;

before(async () => {
  await box.run(['init', '--no-recovery', '--origin', 'test.example/log']);
  await box.run(['ingest'], nativeLines(20));
});
after(() => box.remove());

interface Told {
  readonly ts: string;
  readonly status: string;
  readonly user_id: string;
  readonly operation: string;
  readonly extra: string;
  readonly seq: number | null;
}

/** What the store tells of queries; asking is one more. */
async function told(): Promise<(Told & { readonly said: Readonly<Record<string, unknown>> })[]> {
  const run = await box.run(['search', '--type', 'admin', '--format', 'json']);
  assert.equal(run.code, 0, run.stderr);
  return (JSON.parse(run.stdout) as Told[]).map(t => ({
    ...t,
    said: JSON.parse(t.extra) as Readonly<Record<string, unknown>>,
  }));
}

const open = (): string[] => readdirSync(join(box.store, 'open')).filter(name => name.endsWith('.open'));

test('config lists, gets and sets; what there is not is refused with the names there are', async () => {
  const list = await box.run(['config']);
  assert.equal(
    list.stdout,
    '{"name":"log-queries","value":"off","about":"each query becomes a record (event_type admin)"}\n',
  );
  assert.equal((await box.run(['config', 'log-queries'])).stdout, 'off\n');
  for (const [args, message] of [
    [['config', 'log-querys'], /no setting "log-querys"\nhint: did you mean log-queries\?/],
    [['config', 'log-queries', 'yes'], /is off or on, not "yes"/],
  ] as const) {
    const run = await box.run(args);
    assert.equal(run.code, 2);
    assert.match(run.stderr, message);
  }
  assert.deepEqual(open(), [], 'looking leaves nothing behind');
  assert.equal((await box.run(['query', 'select 1'])).code, 0);
  assert.deepEqual(open(), [], 'nor does a query while it is off');
});

test('on: each way of asking becomes a record of who, what and how much, which no answer counts itself', async () => {
  const set = await box.run(['config', 'log-queries', 'on']);
  assert.deepEqual([set.code, set.stderr], [0, 'log-queries on; it was off\n']);
  const counted = await box.run([
    'query',
    'select count(*) n from records where user_id not in ($a, $password)',
    '--param',
    `a=x`,
    '--param',
    'password=hunter22',
  ]);
  assert.equal(
    counted.stdout,
    '{"n":21}\n',
    'the change of the setting is among the records, the query is not',
  );
  await box.run(['query', `select '${SECRET}' as key`]);
  await box.run(['context', '3', '--receipt', 'receipt']);
  await box.run(['export', '--user', 'u-1', '--since', '2026-05-01', '-o', 'out']);
  await box.run(['receipt', 'verify', 'receipt', '--rerun']);
  await box.run(['query', 'select nope from records']);
  const all = await told();
  assert.deepEqual(
    all.map(t => [t.operation, t.status, t.said['rows']]),
    [
      ['config', 'ok', undefined],
      ['query', 'ok', 1],
      ['query', 'ok', 1],
      ['context', 'ok', 9],
      ['export', 'ok', 3],
      ['receipt verify', 'ok', 9],
      ['query', 'error', 0],
    ],
  );
  assert.equal(new Set(all.map(t => t.user_id)).size, 1);
  assert.deepEqual(all[0]!.said, { setting: 'log-queries', from: 'off', to: 'on' });
  assert.deepEqual(all[1]!.said['parameters'], { a: 'x', password: '[removed:secret_name]' });
  assert.equal(all[2]!.said['sql'], "select '[removed:sk_key]' as key");
  assert.match(String(all[3]!.said['sql']), /^SELECT away/);
  assert.equal(all[3]!.said['receipt_sha256'], hash('sha256', readFileSync(box.path('receipt'))));
  assert.equal(all[4]!.said['since'], '2026-05-01T00:00:00.000000Z');
  assert.match(String(all[5]!.said['sql']), /^SELECT away/);
  const files = open().map(name => readFileSync(join(box.store, 'open', name), 'utf8'));
  assert.ok(files.every(f => !f.includes(SECRET) && !f.includes('hunter22')));
});

test('a query that is killed, a follow and a look for a record that is not there are told of too', async () => {
  const killed = box.start(['query', 'select count(*) from range(100000000000) a']);
  const follow = box.start(['search', '--follow', '--status', 'denied']);
  const ahead = open().length;
  for (let i = 0; i < 400 && open().length < ahead + 2; i++) await sleep(25);
  killed.child.kill('SIGKILL');
  await Promise.all([killed.done, sleep(1500)]);
  follow.child.kill('SIGINT');
  await follow.done;
  assert.equal((await box.run(['context', '99999'])).code, 2);
  const all = (await told()).slice(-4);
  const outcomes = all.map(t => `${t.operation} ${t.status} ${String(t.said['rows'])}`).sort();
  assert.deepEqual(outcomes, ['context error 0', 'query cancelled undefined', 'search ok 0', 'search ok 7']);
  assert.deepEqual(all.find(t => t.operation === 'context')!.said['parameters'], { name: '99999' });
});

test('they are sealed like any others, the store stays intact, and turning it off is told of for good', async () => {
  await box.run(['config', 'log-queries', 'off']);
  const ahead = await told();
  assert.deepEqual(ahead.at(-1)!.said, { setting: 'log-queries', from: 'on', to: 'off' });
  const sealed = await box.run(['seal']);
  assert.equal(sealed.code, 0, sealed.stderr);
  assert.deepEqual(open(), []);
  const verified = await box.run(['verify', '--records']);
  assert.equal(verified.code, 0, verified.stdout);
  const behind = await told();
  assert.ok(behind.every(t => t.seq !== null));
  assert.deepEqual(
    behind.map(t => t.extra),
    ahead.map(t => t.extra),
  );
  assert.equal((await box.run(['config', 'log-queries', 'off'])).stderr, 'log-queries is off already\n');
  assert.deepEqual(open(), [], 'no change, no record');
});

/** Root may write everything, and becomes nobody in particular. */
const READER = process.getuid?.() === 0 ? { uid: 65_534 } : {};

function readable(folder: string, file: number): void {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) chmodSync(join(entry.parentPath, entry.name), file);
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true }))
    if (entry.isDirectory()) chmodSync(join(entry.parentPath, entry.name), file | 0o111);
  chmodSync(folder, file | 0o111);
}

test('who may read the store and not write it is refused while queries are logged, and may ask while they are not', async t => {
  const as = async (args: readonly string[]): Promise<Run> => {
    const { child, done } = box.start(args, { cwd: '/', ...READER });
    child.stdin.end();
    return done;
  };
  const ask = ['query', 'select count(*) n from records', '--format', 'json'];
  await box.run(['config', 'log-queries', 'on']);
  chmodSync(box.folder, 0o755);
  if ((await as(['--version'])).code !== 0) return t.skip('nobody else may read this checkout');
  if ('uid' in READER) {
    const closed = await as(ask);
    assert.equal(closed.code, 2);
    assert.match(closed.stderr, /"EACCES".*FORMAT: permission denied.*run as the user that owns the store/);
  }
  readable(box.store, 0o444);
  try {
    const logged = await as(ask);
    assert.deepEqual([logged.code, logged.stdout], [2, '']);
    const { error } = JSON.parse(logged.stderr) as { error: { code: string; hint: string } };
    assert.deepEqual([error.code, error.hint.includes("ask the store's owner")], ['LOG_QUERIES', true]);
    const off = await as(['config', 'log-queries', 'off']);
    assert.equal(off.code, 2);
    assert.match(off.stderr, /a change of settings is kept as a record, and that can't be written/);
    assert.equal((await as(['config', 'log-queries'])).stdout, 'on\n');
  } finally {
    readable(box.store, 0o644);
  }
  await box.run(['config', 'log-queries', 'off']);
  await box.run(['seal']);
  readable(box.store, 0o444);
  try {
    const free = await as(ask);
    assert.equal(free.code, 0, free.stderr);
  } finally {
    readable(box.store, 0o644);
  }
});
