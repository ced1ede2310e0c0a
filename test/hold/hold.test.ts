import assert from 'node:assert/strict';
import { appendFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { listHolds } from '../../src/hold/hold.ts';
import { later } from '../../src/log/retention.ts';
import { explain } from '../../src/policy/explain.ts';
import { readHistory } from '../../src/store/history.ts';
import { nativeLine, type Run, Sandbox } from '../sandbox.ts';

/** A line of a user, on a day of May. */
const line = (n: number, day: number, members: object): string =>
  `${JSON.stringify({ ...(JSON.parse(nativeLine(n)) as object), ts: `2026-05-0${day}T00:00:00Z`, ...members })}\n`;

const KEY = 'sk-live-4f9a8b7c6d5e4f3a';

// One store, and what happens to it in the order of these tests: segments 0 and 2 have ana, 1 a session of hers.
const box = new Sandbox();
before(async () => {
  assert.equal((await box.run(['init', '--no-recovery', '--origin', 'test.example/log', '-q'])).code, 0);
  for (const [i, input] of [
    line(0, 1, { user_id: 'ana', client_ip: '192.0.2.7' }) + line(1, 1, { user_id: 'bo' }),
    line(2, 2, { user_id: 'bo', api_key: KEY, session_id: 's-1', client_ip: '192.0.2.9' }),
    line(3, 3, { user_id: 'ana', request_id: 'q-3' }),
  ].entries())
    assert.equal((await box.run(['ingest', '-q'], input)).code, 0, String(i));
  assert.equal((await box.run(['policy', 'set', 'gdpr-lean', '--retroactive', '-q'])).code, 0);
});
after(() => box.remove());

const history = (): ReturnType<typeof readHistory> => readHistory({ store: box.store });
const add = (...args: string[]): Promise<Run> => box.run(['hold', 'add', ...args]);
const listed = (run: Run): Record<string, unknown>[] =>
  run.stdout === ''
    ? []
    : run.stdout
        .trim()
        .split('\n')
        .map(l => JSON.parse(l) as Record<string, unknown>);
const ids: string[] = [];
const size = (): number => history().head.size;
/** What would stay a year later, and by which holds. */
const fates = (): string[] =>
  explain(history(), later(history().at, 365), 'segment').map(e => `${e.fate} ${e.why} ${e.holds.length}`);

test('a hold on a user is one on the segments that hold her records now; she stands nowhere in the log', async () => {
  assert.deepEqual(fates(), ['goes maximum 0', 'goes maximum 0', 'goes maximum 0']);
  const run = await add('--user', 'ana', '--reason', 'case-2026/17');
  assert.equal(run.code, 0, run.stderr);
  assert.equal(run.stdout, '');
  const [found, what, forHowLong] = run.stderr.split('\n');
  assert.equal(found, '2 sealed records found');
  assert.match(
    what!,
    /^hold [0-9a-f]{8}, entry 5: 2 segments, 3 records of 2026-05-01T00:00:00\.000000Z to 2026-05-03T00:00:00\.000000Z$/,
  );
  assert.equal(forHowLong, 'nothing of it is deleted until it is released; what comes later is not covered');
  ids.push(/hold (\w+)/.exec(what!)![1]!);
  assert.deepEqual(fates(), ['stays hold 1', 'goes maximum 0', 'stays hold 1']);
  const text = (await box.run(['query', "select text from entries where kind = 'hold'"])).stdout;
  assert.match(text, /reason case-2026\/17\\nby hmac:[0-9a-f]{32}\\nsegments 0,2\\nnext/);
  assert.doesNotMatch(text, /ana/);
});

test('whatever search finds can be held: a leaked key, a condition, an address, a span of a user', async () => {
  writeFileSync(box.path('key.txt'), `${KEY}\n`);
  for (const [args, segments] of [
    [['--api-key-file', box.path('key.txt')], '1'],
    [['--where', "request_id = 'q-3'"], '2'],
    [['--ip', '192.0.2.0/29'], '0'],
    [['--user', 'ana', '--since', '2026-05-02'], '2'],
  ] as const) {
    const run = await add(...args, '--reason', 'case-2', '--by', 'legal', '--format', 'json', '-q');
    assert.equal(run.code, 0, run.stderr);
    const hold = JSON.parse(run.stdout) as Record<string, unknown>;
    assert.deepEqual([hold['segments'], hold['by'], hold['span']], [segments, 'legal', undefined]);
    ids.push(String(hold['id']));
  }
});

test('a hold on a span covers what is there and what comes in it; either end may be open', async () => {
  const run = await add('--since', '2026-05-03', '--reason', 'inquiry-4');
  assert.match(run.stderr, /^from 2026-05-03T00:00:00Z \(UTC\)\nhold \w+, entry 10: 1 segment, 1 record of /);
  assert.match(run.stderr, /\nit covers what comes in that span, too; /);
  ids.push(/hold (\w+)/.exec(run.stderr)![1]!);
  assert.equal((await box.run(['ingest', '-q'], line(4, 4, {}) + line(5, 4, {}))).code, 0);
  const last = listHolds(history(), history().at).at(-1)!;
  assert.deepEqual([last.covered.segments, last.covered.records, last.state], [[2, 3], 3, 'active']);
  const until = await add('--until', '2026-05-02', '--reason', 'inquiry-5', '-q');
  const all = await add('--all', '--reason', 'freeze', '-q');
  const some = await add('--segments', '1,3', '--reason', 'inquiry-6', '-q');
  assert.deepEqual(
    [until, all, some].map(r => r.code),
    [0, 0, 0],
  );
  assert.deepEqual(
    listHolds(history(), history().at)
      .slice(-3)
      .map(h => h.covered.segments),
    [[0], [0, 1, 2, 3], [1, 3]],
  );
});

test('what can not be held is refused, and nothing is written', async () => {
  const entries = size();
  const refused = [
    [['--reason', 'a'], /say what to hold/],
    [['--all', '--since', '2026-05-01', '--reason', 'a'], /say what to hold/],
    [['--user', 'ana', '--segments', '1', '--reason', 'a'], /say what to hold/],
    [['--all'], /give a --reason/],
    [['--all', '--reason', 'ana was rude'], /--reason takes a code/],
    [['--all', '--reason', 'a', '--by', 'ana@example.com'], /--by takes a code/],
    [['--all', '--reason', 'a', '--by', `hmac:${'0'.repeat(32)}`], /--by takes a code/],
    [['--segments', '7-3', '--reason', 'a'], /--segments takes numbers and ranges/],
    [['--segments', '2-9', '--reason', 'a'], /not all segments of 2-9 are there[^]*there are 0-3/],
    [['--user', 'nobody', '--reason', 'a'], /no sealed record is what was asked for/],
    [['--ip', '192.0.2', '--reason', 'a'], /is no address/],
    [['--since', '2026-05-02', '--until', '2026-05-01', '--reason', 'a'], /is not before/],
  ] as const;
  await Promise.all(
    refused.map(async ([args, message]) => {
      const run = await add(...args);
      assert.deepEqual([run.code, run.stdout], [2, ''], `${args.join(' ')}: ${run.stderr}`);
      assert.match(run.stderr, message);
    }),
  );
  assert.equal(size(), entries);
});

test('records of running ingests are in no segment yet: that they are not held is said', async () => {
  const running = box.start(['ingest', '--seal-every', '1h', '-q']);
  running.child.stdin.write(line(6, 5, { user_id: 'ana' }));
  const open = box.path('store', 'open');
  const isDurable = (): boolean =>
    // Names that are temporary may be gone before they are read.
    readdirSync(open).some(
      name => name.endsWith('.open') && readFileSync(join(open, name), 'utf8').includes('"ana"'),
    );
  for (let i = 0; i < 600 && !isDurable(); i++) await setTimeout(50);
  const run = await add('--user', 'ana', '--reason', 'case-3');
  running.child.stdin.end();
  assert.equal((await running.done).code, 0);
  assert.equal(run.code, 0, run.stderr);
  assert.match(run.stderr, /^warning: 1 record more is not sealed yet and not held: /m);
  assert.deepEqual(listHolds(history(), history().at).at(-1)!.covered.segments, [0, 2]);
});

test('a release counts once the grace is over, is said, and is not taken back', async () => {
  const [id] = ids as [string];
  const run = await box.run(['hold', 'release', id, '--reason', 'case-closed', '--by', 'legal']);
  assert.equal(run.code, 0, run.stderr);
  const { at } = history();
  // Genesis' seven days are also those of the preset.
  assert.equal(run.stderr, `hold ${id} is released by entry ${size() - 1}; it binds until ${later(at, 7)}\n`);
  const state = (days: number): string => listHolds(history(), later(at, days))[0]!.state;
  assert.deepEqual([state(0), state(6.9), state(7)], ['released', 'released', 'over']);
  for (const [args, message] of [
    [[id, '--reason', 'again'], /was released by entry \d+, and binds until 2/],
    [['ffffffff', '--reason', 'a'], /there is no hold "ffffffff"/],
    [['\u001b[2J', '--reason', 'a'], /there is no hold "\\u\{1b\}\[2J"/],
    [[id], /give a --reason/],
  ] as const) {
    const refused = await box.run(['hold', 'release', ...args]);
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, message);
  }
  const json = await box.run(['hold', 'release', ids[1]!, '--reason', 'case-closed', '--format', 'json']);
  const released = JSON.parse(json.stdout) as Record<string, unknown>;
  assert.equal(released['until'], later(history().at, 7));
  assert.match(String(released['by']), /^hmac:[0-9a-f]{32}$/);
});

test('the list says of every hold who, why, until when and what it covers', async () => {
  const run = await box.run(['hold', 'list']);
  assert.deepEqual([run.code, run.stderr], [0, '']);
  const [first, second, ...rest] = listed(run);
  assert.deepEqual(
    ['id', 'state', 'reason', 'segments', 'which', 'records', 'release_reason', 'release_by'].map(
      name => first![name],
    ),
    [ids[0], 'released', 'case-2026/17', 2, '0,2', 3, 'case-closed', 'legal'],
  );
  assert.equal(first!['binds_until'], later(String(first!['released_at']), 7));
  assert.equal(first!['by'], second!['release_by'], 'the same user of this host is the same hash');
  assert.equal(rest.find(r => r['id'] === ids[5])!['span'], '2026-05-03T00:00:00.000000Z open');
  assert.ok(rest.every(r => r['state'] === 'active' && r['binds_until'] === null));
  const table = await box.run(['hold', 'list', '--format', 'table']);
  assert.match(table.stdout, /^id +state +since /);
  assert.match(table.stdout, /\n10 rows/);
});

test('behind all that the log is intact; a payload that was altered answers no hold on a user', async () => {
  const verified = await box.run(['verify', '--records']);
  assert.equal(verified.code, 0, verified.stdout);
  const payload = box.files().find(f => f.endsWith('00000000.parquet'))!;
  appendFileSync(box.path('store', payload), 'x');
  const entries = size();
  const run = await add('--user', 'ana', '--reason', 'case-4');
  assert.deepEqual([run.code, /altered/.test(run.stderr)], [1, true], run.stderr);
  assert.equal(size(), entries);
});
