import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { COLUMNS } from '../../src/record/schema.ts';
import { nativeLines, Sandbox } from '../sandbox.ts';

const box = new Sandbox();
const HASH = 'a'.repeat(64);

/** A record of every event_type; the first has every column that input may state. */
const LINES: readonly object[] = [
  {
    ts: '2026-05-01T00:00:07.603123Z',
    event_type: 'inference',
    status: 'cancelled',
    http_status: 499,
    error_type: 'timeout',
    finish_reason: 'length',
    request_id: 'r-9',
    trace_id: '5b8efff798038103d269b633813fc60c',
    session_id: 's-9',
    user_id: '\u001b[2J"an\na\\',
    user_kind: 'human',
    api_key_id: 'key-7',
    client_ip: '192.0.2.7',
    user_agent: 'curl/8.5.0',
    operation: 'completion',
    endpoint: '/v1/completions',
    model: 'qwen3-4b',
    model_version: 'q4_k_m',
    model_requested: 'small',
    provider: 'vllm',
    prompt_hash: HASH,
    completion_hash: HASH,
    last_user_hash: HASH,
    prompt_chars: 14,
    completion_chars: 2,
    input_tokens: 9_007_199_254_740_000,
    output_tokens: 12,
    cached_tokens: 4,
    reasoning_tokens: 3,
    usage_source: 'reported',
    stream: true,
    attempt: 2,
    latency_us: 512_001,
    ttft_us: 90_000,
    queue_us: 7,
    cost_microusd: 31,
    auth_method: 'api_key',
    auth_result: 'success',
    mfa: false,
    labels: { team: 'search' },
    pod: 'gw-1',
  },
  {
    ts: '2026-05-01T00:00:08.000001Z',
    event_type: 'auth',
    status: 'denied',
    operation: 'logon',
    user_id: 'bo',
    client_ip: 'hmac:0123456789abcdef0123456789abcdef',
    provider: 'okta',
    auth_method: 'OpenID',
    auth_result: 'failure',
    mfa: true,
    trace_id: 't-10',
    request_id: 'r-10',
  },
  { ts: '2026-05-01T00:00:09.000000Z', event_type: 'auth', status: 'error', operation: 'step_up' },
  {
    ts: '2026-05-01T00:00:10.000000Z',
    event_type: 'access',
    status: 'ok',
    http_status: 200,
    endpoint: '/v1/models',
    request_id: 'r-11',
  },
  { ts: '2026-05-01T00:00:11.000000Z', event_type: 'admin', status: 'ok', operation: 'key_created' },
  { ts: '2026-05-01T00:00:12.000000Z', event_type: 'inference', status: 'unknown' },
];

before(async () => {
  await box.run(['init', '--no-recovery', '--origin', 'test.example/log']);
  // Out of order in time, and in two segments.
  await box.run(['ingest'], nativeLines(3, 50));
  const made = await box.run(['ingest'], LINES.map(l => `${JSON.stringify(l)}\n`).join(''));
  assert.equal(made.code, 0, made.stderr);
});
after(() => box.remove());

async function exported(...args: string[]): Promise<string[]> {
  const run = await box.run(['export', ...args]);
  assert.equal(run.code, 0, run.stderr);
  return run.stdout.split('\n').slice(0, -1);
}

type Columns = Readonly<Record<string, unknown>>;

const OWN = COLUMNS.filter(c => c.own).map(c => c.name as string);
const without = (columns: Columns, names: readonly string[]): Columns =>
  Object.fromEntries(Object.entries(columns).filter(([name]) => !names.includes(name)));

/** What a store holds, without what is new each time a line is read. */
const comparable = (lines: readonly string[], but: readonly string[] = []): Columns[] =>
  lines.map(line => without(JSON.parse(line) as Columns, [...OWN, ...but]));

/** The same; what the program alone says of a line, and an exported line brings along, is in `extra` then. */
const broughtAlong = (lines: readonly string[]): Columns[] =>
  comparable(lines).map(({ extra, ...columns }) => {
    const left = without(JSON.parse((extra as string | undefined) ?? '{}') as Columns, OWN);
    return Object.keys(left).length > 0 ? { ...columns, extra: JSON.stringify(left) } : columns;
  });

/** Ingests lines into a store of its own and exports them from there. */
async function readAgain(lines: readonly string[], format: string): Promise<string[]> {
  const other = new Sandbox();
  try {
    await other.run(['init', '--no-recovery']);
    const run = await other.run(['ingest'], `${lines.join('\n')}\n`);
    assert.deepEqual([run.code, run.stderr.includes(`read as ${format},`)], [0, true], run.stderr);
    return (await other.run(['export'])).stdout.split('\n').slice(0, -1);
  } finally {
    other.remove();
  }
}

test('a native line is what was hashed and signed, in the order of the log', async () => {
  const lines = await exported();
  assert.equal(lines.length, 9);
  assert.equal(comparable(lines)[3]!['user_id'], LINES[0]!['user_id' as never]);
  const { stdout } = await box.run(['prove', '3', '--json']);
  const { line, proof } = JSON.parse(stdout) as { line: string; proof: string };
  assert.equal(lines[3], line);
  writeFileSync(box.path('one.ndjson'), `${lines[3]}\n`);
  writeFileSync(box.path('one.tlog-proof'), proof);
  assert.equal((await box.run(['verify', '--proof', 'one.tlog-proof'])).code, 0);
  writeFileSync(box.path('one.ndjson'), `${lines[3].replace('499', '500')}\n`);
  assert.equal((await box.run(['verify', '--proof', 'one.tlog-proof'])).code, 1);
});

test('native lines, ingested into another store, are the same records', async () => {
  const lines = await exported();
  const again = await readAgain(lines, 'native');
  assert.deepEqual(broughtAlong(again), comparable(lines));
  for (const [i, line] of lines.entries())
    assert.ok(again[i]!.includes((JSON.parse(line) as { event_id: string }).event_id));
});

for (const [as, format] of [
  ['otel', 'otlp'],
  ['ocsf', 'ocsf'],
] as const) {
  test(`--as ${as} is input of our own ${format} adapter, and no column but extra differs`, async () => {
    const lines = await exported();
    const again = await readAgain(await exported('--as', as), format);
    assert.deepEqual(comparable(again, ['extra']), comparable(lines, ['extra']));
  });
}

test('--as otel says what the GenAI conventions have a name for under that name', async () => {
  const [line] = await exported('--as', 'otel', '--user', LINES[0]!['user_id' as never]);
  type Value = Readonly<Record<string, unknown>>;
  const { resourceLogs } = JSON.parse(line!) as {
    resourceLogs: {
      scopeLogs: { logRecords: (Value & { attributes: { key: string; value: Value }[] })[] }[];
    }[];
  };
  const [record] = resourceLogs[0]!.scopeLogs[0]!.logRecords;
  assert.equal(record!['timeUnixNano'], '1777593607603123000');
  assert.equal(record!['traceId'], '5b8efff798038103d269b633813fc60c');
  assert.equal(record!['eventName'], 'gen_ai.client.inference.operation.details');
  const said = new Map(record!.attributes.map(a => [a.key, a.value]));
  assert.deepEqual(said.get('gen_ai.usage.input_tokens'), { intValue: '9007199254740000' });
  assert.deepEqual(said.get('gen_ai.operation.name'), { stringValue: 'text_completion' });
  assert.deepEqual(said.get('gen_ai.response.time_to_first_chunk'), { doubleValue: 0.09 });
  assert.deepEqual(said.get('gen_ai.request.stream'), { boolValue: true });
});

test('--as ocsf has every attribute that its classes require, and never a hash for an address', async () => {
  const events = (await exported('--as', 'ocsf')).map(l => JSON.parse(l) as Record<string, unknown>);
  for (const event of events) {
    const uid = event['class_uid'] as number;
    assert.equal(event['type_uid'], uid * 100 + (event['activity_id'] as number));
    assert.equal(event['category_uid'], Math.floor(uid / 1000));
    const required = ['activity_id', 'metadata', 'severity_id', 'time', 'status_id', 'src_endpoint'];
    for (const name of [...required, ...(uid === 3002 ? ['user'] : ['actor', 'api'])])
      assert.ok(name in event, `${name} of ${uid}`);
    const { ip } = event['src_endpoint'] as { ip?: string };
    assert.ok(ip === undefined || /^[\d.]+$/.test(ip));
  }
  assert.deepEqual(
    events.map(e => e['class_uid']),
    [6003, 6003, 6003, 6003, 3002, 3002, 6003, 6003, 6003],
  );
  const { ai_model: model, message_context: context } = events[3] as Record<string, object>;
  assert.deepEqual(model, { ai_provider: 'vllm', name: 'qwen3-4b', version: 'q4_k_m' });
  assert.deepEqual(context, {
    uid: 's-9',
    prompt_tokens: 9_007_199_254_740_000,
    completion_tokens: 12,
    total_tokens: 9_007_199_254_740_012,
  });
});

test('--as ecs: fields of ECS under their names, all else in slmaudit, labels and extra as objects', async () => {
  const documents = (await exported('--as', 'ecs')).map(
    l => JSON.parse(l) as Readonly<Record<string, Readonly<Record<string, unknown>>>>,
  );
  const [call, logon] = [documents[3]!, documents[4]!];
  assert.equal(call['@timestamp'], '2026-05-01T00:00:07.603123Z');
  const { id, ...event } = call['event']!;
  assert.match(String(id), /^[0-9a-f-]{36}$/);
  assert.deepEqual(event, {
    kind: 'event',
    category: ['api'],
    type: ['access'],
    action: 'completion',
    outcome: 'failure',
    duration: 512_001_000,
    dataset: 'slmaudit.inference',
    provider: 'native',
    sequence: 3,
  });
  assert.deepEqual(call['gen_ai']!['usage'], { input_tokens: 9_007_199_254_740_000, output_tokens: 12 });
  assert.deepEqual([call['labels'], call['slmaudit']!['extra']], [{ team: 'search' }, { pod: 'gw-1' }]);
  assert.equal(call['slmaudit']!['cached_tokens'], 4);
  assert.deepEqual(call['client'], { address: '192.0.2.7', ip: '192.0.2.7' });
  assert.deepEqual(logon['client'], { address: 'hmac:0123456789abcdef0123456789abcdef' });
  assert.deepEqual([logon['event']!['category'], logon['gen_ai']], [['authentication'], undefined]);
  // Every column is somewhere.
  const text = JSON.stringify(call);
  for (const [name, value] of Object.entries(LINES[0]!))
    if (!['ts', 'labels', 'pod', 'latency_us'].includes(name))
      assert.ok(text.includes(JSON.stringify(value)), name);
});

test('filters, spans and --nested; a form that there is not', async () => {
  const nested = await exported(
    '--type',
    'inference',
    '--since',
    '2026-05-01T00:00:01Z',
    '--nested',
    '--text',
    'gw-1',
  );
  assert.equal(nested.length, 1);
  const { labels, extra } = JSON.parse(nested[0]!) as Columns;
  assert.deepEqual([labels, extra], [{ team: 'search' }, { pod: 'gw-1' }]);
  assert.equal((await exported('--until', '2026-05-01T00:00:08Z', '--status', 'cancelled')).length, 1);
  for (const args of [
    ['--as', 'xml'],
    ['--as', 'ecs', '--nested'],
    ['--where', 'nope = 1'],
    // A name that promises what export doesn't write.
    ['-o', 'never.parquet'],
    ['-o', 'never.csv'],
  ]) {
    const run = await box.run(['export', '-o', 'never', ...args]);
    assert.deepEqual([run.code, run.stdout], [2, ''], args.join(' '));
  }
  for (const name of ['never', 'never.parquet', 'never.csv'])
    assert.throws(() => readFileSync(box.path(name)), { code: 'ENOENT' });
});

test('of a payload that was altered nothing is exported, or every line says so', async () => {
  const other = new Sandbox();
  try {
    await other.run(['init', '--no-recovery']);
    await other.run(['ingest'], nativeLines(20));
    const file = join(
      other.store,
      other.files().find(f => f.endsWith('.parquet'))!,
    );
    const bytes = readFileSync(file);
    rmSync(file);
    // The name of the program that wrote it: the rows can still be read.
    bytes[bytes.lastIndexOf('DuckDB')] = 'd'.charCodeAt(0);
    writeFileSync(file, bytes);
    assert.equal((await other.run(['export'])).code, 1);
    const run = await other.run(['export', '--allow-unverified', '--as', 'native']);
    const lines = run.stdout.split('\n').slice(0, -1);
    assert.equal(lines.length, 20, run.stderr);
    for (const line of lines)
      assert.match(String((JSON.parse(line) as Columns)['unverified']), /PAYLOAD_ALTERED segment 0/);
  } finally {
    other.remove();
  }
});
