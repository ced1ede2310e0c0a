import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Sandbox } from '../sandbox.ts';

const box = new Sandbox();
const at = (seconds: number): string => new Date(Date.UTC(2026, 4, 1) + seconds * 1000).toISOString();

/** A proxy's line and a model server's, as the audit schema has them. */
const access = (seconds: number, fields: object): object => ({
  ts: at(seconds),
  event_type: 'access',
  status: 'ok',
  http_status: 200,
  endpoint: '/v1/chat/completions',
  client_ip: '192.0.2.7',
  user_id: 'ana',
  latency_us: 1_000_000,
  ...fields,
});
const inference = (seconds: number, fields: object): object => ({
  ts: at(seconds),
  status: 'ok',
  operation: 'chat',
  client_ip: '10.0.0.1',
  input_tokens: 10,
  latency_us: 800_000,
  ...fields,
});

const records: readonly object[] = [
  // By id: a plain one, vLLM's prefix, a trace; two proxies in a row saw one request.
  access(0, { request_id: 'r-1' }),
  access(0.01, { request_id: 'r-1', client_ip: '10.0.0.9', latency_us: 900_000 }),
  inference(0.1, { request_id: 'chatcmpl-r-1', model: 'one' }),
  access(10, { trace_id: 't-2' }),
  inference(10.1, { trace_id: 't-2', request_id: 'x', model: 'two' }),
  // By time: one of each.
  access(20, { client_ip: '192.0.2.20' }),
  inference(20.1, { model: 'three' }),
  // By time, two of each at once.
  access(30, { client_ip: '192.0.2.30' }),
  access(30.05, { client_ip: '192.0.2.31' }),
  inference(30.1, { model: 'four-a' }),
  inference(30.15, { model: 'four-b' }),
  // Not joined: another outcome, another kind of path, no path of a model, out of the window.
  access(40, { http_status: 500, status: 'error' }),
  inference(40.1, { model: 'five' }),
  access(50, { endpoint: '/v1/embeddings' }),
  inference(50.1, { model: 'six' }),
  access(60, { endpoint: '/metrics' }),
  inference(60.1, { model: 'seven' }),
  access(70, {}),
  inference(72, { model: 'eight' }),
  // The proxy gave up on the client, the server went on; times in whole seconds.
  access(80, { http_status: 499, status: 'cancelled' }),
  inference(80.1, { model: 'nine' }),
  access(90, { ts: '2026-05-01T00:01:30Z', latency_us: undefined }),
  inference(90.9, { model: 'ten' }),
  // A token count that differs speaks against it.
  access(100, { input_tokens: 11 }),
  inference(100.1, { model: 'eleven' }),
  { ts: at(110), event_type: 'auth', user_id: 'ana' },
];

before(async () => {
  await box.run(['init', '--no-recovery', '--origin', 'test.example/log']);
  await box.run(['ingest', '--format', 'native'], `${records.map(r => JSON.stringify(r)).join('\n')}\n`);
});
after(() => box.remove());

async function rows(sql: string): Promise<unknown[]> {
  const run = await box.run(['query', sql, '--format', 'json']);
  assert.equal(run.code, 0, run.stderr);
  return JSON.parse(run.stdout) as unknown[];
}

test('requests: who and from where is the proxy’s, tokens and model the server’s; how sure is said', async () => {
  assert.deepEqual(
    await rows(`select model, client_ip, user_id, status, join_by, join_confidence as sure, latency_ms, server_latency_ms as server
      from requests where model is not null order by ts, model`),
    [
      ['one', '192.0.2.7', 'ana', 'ok', 'id', 1, 1000, 800],
      ['two', '192.0.2.7', 'ana', 'ok', 'id', 1, 1000, 800],
      ['three', '192.0.2.20', 'ana', 'ok', 'time', 0.9, 1000, 800],
      ['four-a', '192.0.2.30', 'ana', 'ok', 'time', 0.45, 1000, 800],
      ['four-b', '192.0.2.31', 'ana', 'ok', 'time', 0.45, 1000, 800],
      ['five', '10.0.0.1', null, 'ok', null, null, 800, 800],
      ['six', '10.0.0.1', null, 'ok', null, null, 800, 800],
      ['seven', '10.0.0.1', null, 'ok', null, null, 800, 800],
      ['eight', '10.0.0.1', null, 'ok', null, null, 800, 800],
      ['nine', '192.0.2.7', 'ana', 'cancelled', 'time', 0.9, 1000, 800],
      ['ten', '192.0.2.7', 'ana', 'ok', 'time', 0.8, 800, 800],
      ['eleven', '10.0.0.1', null, 'ok', null, null, 800, 800],
    ].map(([model, client_ip, user_id, status, join_by, sure, latency_ms, server]) => ({
      model,
      client_ip,
      user_id,
      status,
      join_by,
      sure,
      latency_ms,
      server,
    })),
  );
});

test('requests: what has no counterpart stands alone, once; a second proxy of one request does not; auth is none', async () => {
  assert.deepEqual(
    await rows('select event_type, endpoint, status from requests where model is null order by ts'),
    [
      { event_type: 'access', endpoint: '/v1/chat/completions', status: 'error' },
      { event_type: 'access', endpoint: '/v1/embeddings', status: 'ok' },
      { event_type: 'access', endpoint: '/metrics', status: 'ok' },
      { event_type: 'access', endpoint: '/v1/chat/completions', status: 'ok' },
      { event_type: 'access', endpoint: '/v1/chat/completions', status: 'ok' },
    ],
  );
  assert.deepEqual(await rows('select count(*) n, count(distinct event_id) d from requests'), [
    { n: 17, d: 17 },
  ]);
});
