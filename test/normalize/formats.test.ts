import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMac } from '../../src/keys/hash.ts';
import { createNormalizer, type Outcome } from '../../src/normalize/normalize.ts';
import type { AuditRecord } from '../../src/record/schema.ts';

const normalizer = createNormalizer({
  mac: createMac(Buffer.alloc(32, 9)),
  hashAlg: 'hmac-sha256:0a1b2c3d:c1',
  sourceId: 'gw',
  stream: 's',
});

const read = (line: unknown): Outcome =>
  normalizer.line(Buffer.from(typeof line === 'string' ? line : JSON.stringify(line)), 0);

function recordOf(line: unknown): AuditRecord {
  const outcome = read(line);
  assert.ok('records' in outcome, JSON.stringify(outcome));
  return outcome.records[0]!;
}

/** The record without what every one has. */
function fieldsOf(line: unknown): Partial<AuditRecord> {
  const { v: _v, event_id: _id, source_id: _source, ...rest } = recordOf(line);
  return rest;
}

test('native: columns under their names; what is no column, or no value of one, goes to extra', () => {
  assert.deepEqual(
    fieldsOf({
      ts: '2026-05-01T00:00:07.603Z',
      user_id: 'ana',
      output_tokens: '12',
      http_status: 'teapot',
      stream: 'true',
      client_ip: '::FFFF:10.0.0.1',
      endpoint: '/v1/chat?key=abc',
      event_id: 'mine',
      seq: 5,
      region: 'eu',
      empty: '',
    }),
    {
      event_type: 'inference',
      ts: '2026-05-01T00:00:07.603000Z',
      ts_quality: 'exact',
      source_format: 'native',
      status: 'unknown',
      user_id: 'ana',
      output_tokens: 12,
      usage_source: 'reported',
      stream: true,
      client_ip: '10.0.0.1',
      endpoint: '/v1/chat',
      extra: '{"http_status":"teapot","event_id":"mine","seq":5,"region":"eu"}',
    },
  );
});

test('native: an exported line read again keeps every value; its own columns go to extra', () => {
  const first = recordOf({
    ts: '2026-05-01T00:00:07Z',
    user_id: 'ana',
    prompt_hash: 'AB'.repeat(32),
    labels: { team: 'x' },
    deep: { a: [1, 'b'] },
  });
  assert.equal(first.hash_alg, 'source');
  const again = recordOf(first);
  for (const name of ['ts', 'user_id', 'prompt_hash', 'labels', 'hash_alg'] as const)
    assert.equal(again[name], first[name]);
  assert.equal(first.ts_quality, 'coarse');
  const extra = JSON.parse(again.extra!) as Record<string, unknown>;
  assert.deepEqual([extra['deep'], extra['v'], extra['event_id']], [{ a: [1, 'b'] }, 1, first.event_id]);
});

test('content never stays: prompts, messages, choices, headers and secrets, at any depth', () => {
  const secret = 'the quick brown fox';
  const outcome = recordOf({
    ts: 1_777_593_607.5,
    messages: [{ role: 'user', content: secret }],
    completion: secret,
    request_headers: { authorization: secret },
    nested: { rawPrompt: secret, list: [{ input: [secret] }], response: { body: secret }, 'x-api-key': 'k' },
    note: `Bearer ${secret}`,
    url: 'https://u:p4ss@example.com/',
    aws: 'AKIAIOSFODNN7EXAMPLE',
    prompt_tokens_details: { cached: 3 },
    kept: 'yes',
  });
  assert.ok(!JSON.stringify(outcome).includes(secret));
  assert.deepEqual(JSON.parse(outcome.extra!), {
    prompt_tokens_details: { cached: 3 },
    kept: 'yes',
    _dropped: 8,
    _removed: { authorization: 1, url_userinfo: 1, aws_key_id: 1 },
  });
  assert.match(outcome.prompt_hash!, /^[0-9a-f]{64}$/);
  assert.equal(outcome.prompt_hash === outcome.completion_hash, false, 'labels keep the two apart');
  assert.deepEqual([outcome.prompt_chars, outcome.hash_alg], [19, 'hmac-sha256:0a1b2c3d:c1']);
});

test('c1: text as a string or as parts, ids and cache hints, make one hash; a changed letter another', () => {
  const ts = 1_777_593_607;
  const hash = (messages: unknown): string | undefined => recordOf({ ts, messages }).prompt_hash;
  const plain = hash([{ role: 'user', content: 'Hi' }]);
  assert.equal(
    hash([
      {
        role: 'user',
        content: [{ type: 'text', text: 'Hi', cache_control: { type: 'ephemeral' } }],
        name: 'x',
        id: 'm1',
      },
    ]),
    plain,
  );
  assert.equal(recordOf({ ts, prompt: 'Hi' }).prompt_hash, plain);
  assert.notEqual(hash([{ role: 'user', content: 'hi' }]), plain);
  assert.notEqual(hash([{ role: 'system', content: 'Hi' }]), plain);
  const history = recordOf({
    ts,
    messages: [
      { role: 'user', content: 'before' },
      { role: 'assistant', content: 'x' },
      { role: 'user', content: 'Hi' },
    ],
  });
  assert.equal(
    history.last_user_hash,
    recordOf({ ts, prompt: 'Hi' }).last_user_hash,
    'a repeated attack is found under any history',
  );
  const call = (args: unknown): string | undefined =>
    hash([
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ id: Math.random(), function: { name: 'f', arguments: args } }],
      },
    ]);
  assert.equal(call('{"b":1,\n"a":2}'), call({ a: 2, b: 1 }));
});

test('litellm: latency is end minus start, first token only when streaming, zone-less times are UTC and said so', () => {
  const line = {
    id: 'chatcmpl-1',
    trace_id: 't-1',
    call_type: 'acompletion',
    stream: true,
    status: 'success',
    custom_llm_provider: 'openai',
    startTime: '2025-01-24 09:20:46.847371',
    endTime: '2025-01-24 09:20:47.851954',
    completionStartTime: '2025-01-24 09:20:46.947371',
    response_time: 0.1,
    model: 'qwen3-4b',
    model_group: 'small',
    metadata: {
      user_api_key_hash: 'h-1',
      user_api_key_user_id: 'ana',
      requester_ip_address: '10.0.0.1',
      attempted_retries: 2,
    },
    response_cost: 0.000225,
    total_tokens: 30,
    prompt_tokens: 10,
    completion_tokens: 20,
    messages: [{ role: 'user', content: 'Hello' }],
    response: {
      choices: [{ finish_reason: 'stop', message: { role: 'assistant', content: 'hi' } }],
      usage: { prompt_tokens_details: { cached_tokens: 4 } },
    },
    hidden_params: {},
    error_information: { error_code: '', error_message: '' },
  };
  const { prompt_hash: p, completion_hash: c, last_user_hash: l, ...fields } = fieldsOf(line);
  assert.ok(p && c && l);
  assert.deepEqual(fields, {
    event_type: 'inference',
    ts: '2025-01-24T09:20:46.847371Z',
    ts_quality: 'assumed_zone',
    source_format: 'litellm',
    status: 'ok',
    finish_reason: 'stop',
    request_id: 'chatcmpl-1',
    trace_id: 't-1',
    user_id: 'ana',
    api_key_id: 'h-1',
    client_ip: '10.0.0.1',
    operation: 'chat',
    model: 'qwen3-4b',
    model_requested: 'small',
    provider: 'openai',
    hash_alg: 'hmac-sha256:0a1b2c3d:c1',
    prompt_chars: 5,
    completion_chars: 2,
    input_tokens: 10,
    output_tokens: 20,
    cached_tokens: 4,
    usage_source: 'reported',
    stream: true,
    attempt: 3,
    latency_us: 1_004_583,
    ttft_us: 100_000,
    cost_microusd: 225,
    extra: '{"call_type":"acompletion"}',
  });
  assert.equal(recordOf({ ...line, stream: false }).ttft_us, undefined);
  const refused = recordOf({
    ...line,
    status: 'failure',
    error_information: { error_code: '401', error_class: 'AuthenticationError', error_message: 'no' },
  });
  assert.deepEqual(
    [refused.status, refused.http_status, refused.error_type],
    ['denied', 401, 'AuthenticationError'],
  );
});

test('native: a key itself is kept as its keyed hash, unless its id stands beside it', () => {
  const line = { ts: '2026-05-01T00:00:07Z', api_key: 'sk-verysecretverysecret' };
  const r = recordOf(line);
  assert.match(r.api_key_id!, /^hmac:[0-9a-f]{32}$/);
  assert.equal(recordOf({ ...line, api_key_id: 'k-1' }).api_key_id, 'k-1');
  assert.equal(r.extra, undefined);
});

test("litellm: a spend log's metadata is JSON in a string; a truncated message is not hashed; a key is hashed", () => {
  const r = recordOf({
    request_id: 'r',
    call_type: 'acompletion',
    spend: '1.5e-05',
    startTime: '2025-01-24T09:20:46Z',
    endTime: '2025-01-24T09:20:47Z',
    model: 'm',
    api_key: 'sk-verysecretverysecret',
    metadata: '{"user_api_key_user_id":"ana","usage_object":{"completion_tokens":2}}',
    cache_hit: 'None',
    messages: '[{"role":"user","content":"abc (litellm_truncated 99 chars)"}]',
    response: '{}',
    status: 'success',
  });
  assert.deepEqual([r.user_id, r.output_tokens, r.cost_microusd, r.prompt_hash], ['ana', 2, 15, undefined]);
  assert.match(r.api_key_id!, /^hmac:[0-9a-f]{32}$/);
  assert.ok(!JSON.stringify(r).includes('verysecret'));
});

test('openai: bodies of chat, completions, responses and embeddings; a chunk waits for the last one', () => {
  const body = {
    id: 'c-1',
    object: 'chat.completion',
    created: 1_741_569_952,
    model: 'm',
    system_fingerprint: 'fp_1',
    choices: [{ message: { role: 'assistant', content: 'Hi' }, finish_reason: 'stop' }],
    usage: {
      prompt_tokens: 19,
      completion_tokens: 10,
      total_tokens: 29,
      completion_tokens_details: { reasoning_tokens: 3 },
    },
  };
  const r = recordOf(body);
  assert.deepEqual(
    [
      r.request_id,
      r.model_version,
      r.input_tokens,
      r.output_tokens,
      r.reasoning_tokens,
      r.status,
      r.ts_quality,
      r.extra,
    ],
    ['c-1', 'fp_1', 19, 10, 3, 'ok', 'coarse', undefined],
  );
  assert.deepEqual(read({ ...body, object: 'chat.completion.chunk', usage: null }), {
    skip: 'part',
  });
  assert.equal(recordOf({ ...body, object: 'chat.completion.chunk', choices: [] }).stream, true);
  assert.equal(
    recordOf({ ...body, object: 'text_completion', choices: [{ text: 'x' }] }).operation,
    'completion',
  );
  const answer = recordOf({
    id: 'r',
    object: 'response',
    created_at: 1_741_476_542,
    model: 'm',
    status: 'failed',
    error: { type: 'server_error', message: 'text' },
    output: [],
    usage: { input_tokens: 3, output_tokens: 0 },
  });
  assert.deepEqual([answer.status, answer.error_type, answer.input_tokens], ['error', 'server_error', 3]);
  assert.deepEqual(read({ object: 'list', data: [], model: 'e', usage: { prompt_tokens: 8 } }), {
    reject: 'no_time',
  });
});

test('ollama: the request began total_duration before created_at; absent counts are unknown, not zero', () => {
  const r = recordOf({
    model: 'llama3.1:8b',
    created_at: '2023-08-04T19:22:45.499127Z',
    response: '{"a":1}',
    done: true,
    done_reason: 'stop',
    context: [1, 2],
    total_duration: 5_043_500_667,
    eval_count: 290,
  });
  assert.deepEqual(
    [r.ts, r.latency_us, r.model, r.model_version, r.input_tokens, r.output_tokens, r.completion_chars],
    ['2023-08-04T19:22:40.455627Z', 5_043_500, 'llama3.1', '8b', undefined, 290, 7],
  );
  assert.deepEqual(read({ model: 'm', created_at: '2023-08-04T19:22:45Z', response: 'x', done: false }), {
    skip: 'not_a_request',
  });
  assert.equal(
    recordOf({
      model: 'm',
      created_at: '2023-08-04T19:22:45Z',
      message: { content: '' },
      done: true,
      done_reason: 'load',
    }).event_type,
    'admin',
  );
});

test('nginx: quoted numbers, the request line, no query string, status from the code', () => {
  const r = recordOf({
    time_local: '01/May/2026:02:00:07 +0200',
    remote_addr: '10.0.0.1',
    remote_user: '-',
    request: 'POST /v1/chat/completions?key=secret HTTP/1.1',
    status: '403',
    request_time: '0.307',
    http_user_agent: 'curl/8',
    http_authorization: 'x',
    body_bytes_sent: '12',
  });
  assert.deepEqual(
    [r.event_type, r.ts, r.client_ip, r.endpoint, r.http_status, r.status, r.latency_us, r.user_id],
    [
      'access',
      '2026-05-01T00:00:07.000000Z',
      '10.0.0.1',
      '/v1/chat/completions',
      403,
      'denied',
      307_000,
      undefined,
    ],
  );
  assert.ok(!JSON.stringify(r).includes('secret'));
  assert.deepEqual(JSON.parse(r.extra!), { body_bytes_sent: '12', method: 'POST', _dropped: 1 });
  assert.equal(
    recordOf({ time_iso8601: '2026-05-01T00:00:07+00:00', remote_addr: '::1', status: 499 }).status,
    'cancelled',
  );
});

test('caddy: client_ip before remote_ip, seconds, and no headers', () => {
  const r = recordOf({
    level: 'info',
    ts: 1_646_861_401.524,
    logger: 'http.log.access.log0',
    msg: 'handled request',
    request: {
      remote_ip: '127.0.0.1',
      client_ip: '10.0.0.9',
      method: 'GET',
      uri: '/v1/models?x=1',
      headers: { 'User-Agent': ['curl/7.82.0'], Cookie: ['c'] },
    },
    user_id: '',
    duration: 0.000929675,
    size: 10900,
    status: 200,
    resp_headers: { Server: ['Caddy'] },
  });
  assert.deepEqual(
    [r.client_ip, r.user_agent, r.latency_us, r.endpoint, r.status, r.ts],
    ['10.0.0.9', 'curl/7.82.0', 929, '/v1/models', 'ok', '2022-03-09T21:30:01.523071Z'],
  );
  assert.ok(!r.extra!.includes('Cookie'));
});

test('a line of no format is named so, and one without any time too', () => {
  assert.deepEqual(read({ published: '2026-05-01T00:00:07Z', a: 1 }), { reject: 'unknown_format' });
  assert.deepEqual(read({ log: { at: 1_777_593_607 } }), { reject: 'unknown_format' });
  assert.deepEqual(read({ a: 1 }), { reject: 'no_time' });
  assert.deepEqual(read({ ts: 'yesterday' }), { reject: 'no_time' });
});

test('an event id is a UUIDv8 and commits to the line, its place and its source', () => {
  const id = (line: string, offset: number, sourceId = 'gw', stream = 's'): string => {
    const n = createNormalizer({
      mac: createMac(Buffer.alloc(32, 9)),
      hashAlg: 'hmac-sha256:0a1b2c3d:c1',
      sourceId,
      stream,
    });
    const outcome = n.line(Buffer.from(line), offset);
    assert.ok('records' in outcome);
    return outcome.records[0]!.event_id;
  };
  const line = '{"ts":1777593607}';
  const ids = [id(line, 5), id(line, 6), id(`${line} `, 5), id(line, 5, 'gws', ''), id(line, 5, 'gw', 't')];
  assert.equal(new Set(ids).size, ids.length);
  for (const one of ids)
    assert.match(one, /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.equal(id(line, 5), ids[0]);
});

test('a hostile line costs time in proportion to its length', () => {
  const ts = '2026-05-01T00:00:00Z';
  const many = Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`k${i}`, i]));
  for (const part of ['-eyJ', 'sk-a', 'Bearer', 'Basic ', '://a:', '?key', '-----', ' ', '1.']) {
    const began = performance.now();
    recordOf({ ts, note: part.repeat(250_000) });
    assert.ok(performance.now() - began < 20_000, part);
  }
  const { extra } = recordOf({ ts, ...many });
  assert.ok(extra!.length <= 4096);
  const kept = Object.keys(JSON.parse(extra!) as object).length - 1;
  assert.equal((JSON.parse(extra!) as Record<string, unknown>)['_dropped'], 100_000 - kept);
});

test('an empty name never becomes a value', () => {
  const r = recordOf({ model: ':7b', created_at: '2026-05-01T00:00:00Z', done: true });
  assert.deepEqual([r.model, r.model_version], [undefined, '7b']);
  assert.equal(
    recordOf({ model: 'foo:', created_at: '2026-05-01T00:00:00Z', done: true }).model_version,
    undefined,
  );
});

test('nothing a line holds can make a record that can not be sealed', () => {
  const line = {
    id: 'x',
    call_type: 'completion',
    startTime: 1_777_593_607.5,
    model_group: 'm',
    metadata: { attempted_retries: 3_000_000_000 },
    response: { choices: [{ finish_reason: `${'a'.repeat(63)}😀` }] },
  };
  const r = recordOf(line);
  assert.deepEqual([r.attempt, r.finish_reason], [undefined, undefined]);
  const calls = Array.from({ length: 200_000 }, () => 0);
  assert.match(
    recordOf({ ts: 1_777_593_607, messages: [{ role: 'assistant', content: 'x', tool_calls: calls }] })
      .prompt_hash!,
    /^[0-9a-f]{64}$/,
  );
  const tag = recordOf({ model: `sk-${'a'.repeat(30)}:x`, created_at: '2026-05-01T00:00:00Z', done: true });
  assert.equal(tag.model, undefined);
  assert.deepEqual(read({ ts: '0070-01-01T00:00:00Z' }), { reject: 'no_time' });
});

test('text that hides in strings, names, labels and lists does not stay either', () => {
  const leak = 'LEAK';
  const r = recordOf({
    ts: 1_777_593_607,
    question: leak,
    answer: leak,
    thinking: leak,
    generated_text: leak,
    auth_token: leak,
    pwd: leak,
    long: `${leak} `.repeat(200),
    request: JSON.stringify({ messages: [{ content: leak }] }),
    labels: { prompt: leak, team: 'x' },
    usage_by: { 'sk-LEAKLEAKLEAKLEAKLEAK': 5 },
    bytes: Array.from(Buffer.from(`${leak} as bytes, one after the other`)),
    input_token: 7,
  });
  assert.ok(!JSON.stringify(r).includes(leak), JSON.stringify(r));
  const extra = JSON.parse(r.extra!) as Record<string, unknown>;
  assert.deepEqual([extra['bytes'], extra['input_token'], extra['labels']], [undefined, 7, { team: 'x' }]);
});
