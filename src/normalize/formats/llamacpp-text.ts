import type { JsonObject, JsonValue } from '../../record/json.ts';
import type { Adapter } from '../adapter.ts';
import { members, plain } from './text.ts';

/** `0.12.345.678 I `: minutes, seconds, milli- and microseconds since the process began, and the level. */
const PREFIX = /^(?:(\d{1,9}\.\d\d\.\d{3}\.\d{3}) )?(?:[IWED] )?(.*)$/s;
const REQUEST = /^srv {1,2}log_server_r: (?:done )?request: ([A-Z]{1,20}) (.*)$/s;
const SLOT = /^slot {1,13}[\w~()]{1,12}: id {1,3}(-?\d{1,6}) \| task (\d{1,15}) \| {0,12}(.{0,200})/s;
const CANCEL = /^srv {1,13}[\w()]{1,12}: cancel task, id_task = (\d{1,15})$/;
const NOISE =
  /^(?:srv|slot|que|res) {1,13}[\w~()]{1,12}: |^(?:llama|ggml|gguf|llm_load|common|clip|mtmd)_\w{1,80}: |^(?:print_info|load_tensors|load_backend|init_tokenizer|system_info): |^load: (?:special|printing|control|token) |^build: \d{1,9} \(|^main: (?:binding|loading model|server is listening|starting the main loop|model loaded|chat template|HTTP server|initializing|n_parallel|exiting)|^ {0,12}(?:prompt eval|eval|total) time = /;
const MILLIS = /^(prompt eval|eval|total) time = {1,10}(\d{1,12}\.\d\d) ms \/ {1,5}(\d{1,20}) tokens/;
const NEW_PROMPT = /^new prompt, .{0,100}(?:task\.n_tokens|n_prompt_tokens) = (\d{1,20})(?!\d)/;

/**
 * What llama.cpp's server (llama-server) prints since September 2024; with --log-jsonl the same lines as `msg` of
 * `{"type":"log",...}`. No line carries an absolute time: theirs is their carrier's, or that of arrival. A request line
 * (`done request: POST /v1/chat/completions 192.0.2.7 200`, older ones without `done`; at level trace in the newest) says
 * who asked and how it ended. The slots' lines say what was computed, by task, and nothing joins a task to a request line:
 * a record of its own each, from `processing task` to the timings, which come before or after `stop processing`.
 * `n_prompt_tokens` and `task.n_tokens` count cached tokens, those of `prompt eval time` don't. Older servers put
 * timings in lines without a task: not read, the tokens of such answers are unknown. Total time leaves out the wait for a slot: it
 * is no latency. The path of a request line is decoded: a client can write lines into this log (--log-jsonl escapes
 * them). Bodies, at level debug, are skipped. Read at ggml-org/llama.cpp: tools/server/server-http.cpp (aa6192d),
 * server-context.cpp and server-common.h as forks keep them, common/log.cpp (30037a7); #9418. The members
 * of --log-jsonl's objects are those of #28437 as others document them (`type`, `time`, `level`, `msg`).
 */
export const llamacppText: Adapter = {
  name: 'llamacpp-text',
  about: 'llama.cpp server log, as text or with --log-jsonl',
  basis: 'documented',
  example:
    '2026-05-01T00:00:07.603000000Z stderr F srv  log_server_r: done request: POST /v1/chat/completions 192.0.2.7 200',
  fills: ['http_status', 'client_ip', 'endpoint', 'input_tokens', 'output_tokens'],
  fields(text) {
    const [, uptime, line = ''] = PREFIX.exec(plain(text)) ?? [];
    const fields = fieldsOf(line);
    return fields instanceof Map && uptime !== undefined ? fields.set('uptime', uptime) : fields;
  },
  recognizes: source => isLog(source) || isMemoryTable(source),
  split(source) {
    if (isMemoryTable(source)) return [];
    if (!isLog(source)) return [source];
    const fields = fieldsOf((source.get('msg') as string).replace(/\n$/, ''));
    if (!(fields instanceof Map)) return [];
    // `time`: microseconds since the process began, 0 without --log-timestamps.
    const { type: _type, msg: _msg, time: uptime = null, ...rest } = Object.fromEntries(source);
    return [new Map<string, JsonValue>([...Object.entries(rest), ['uptime_us', uptime], ...fields])];
  },
  parts: {
    of(source, isTimed) {
      const task = source.get('task');
      if (typeof task !== 'string' || !isTimed) return undefined;
      return { key: task, state: source.has('ended') ? 'enough' : 'open' };
    },
    fold(gathered, part) {
      if (!gathered) return part;
      // The server has started anew.
      if (part.has('begun') && (gathered.has('begun') || gathered.has('ended'))) return undefined;
      for (const name of ONCE) if (part.has(name) && gathered.has(name)) return undefined;
      for (const [name, value] of part) if (!name.startsWith('uptime')) gathered.set(name, value);
      return gathered;
    },
  },
  read(draft) {
    draft.ignoreValue('level', 'info', 'warn', 'trace', 'debug');
    draft.ignoreValue('uptime_us', 0);
    if (draft.source.has('task')) {
      draft.column('input_tokens', 'input_tokens');
      draft.column('output_tokens', 'output_tokens');
      const isComplete = draft.record.output_tokens !== undefined || draft.source.has('timed');
      if (draft.take('cancelled') !== undefined) draft.set('status', 'cancelled');
      else if (isComplete) draft.set('status', 'ok');
      draft.ignore('begun', 'ended', 'timed');
      return;
    }
    draft.set('event_type', 'access');
    draft.column('client_ip', 'client');
    draft.column('endpoint', 'path');
    draft.column('http_status', 'http_status');
    draft.statusFromHttp();
  },
};

/** What a task says once. */
const ONCE = ['input_tokens', 'prompt_eval_ms', 'eval_ms', 'total_ms'] as const;

function isLog(source: JsonObject): boolean {
  return (
    source.get('type') === 'log' &&
    typeof source.get('msg') === 'string' &&
    source.has('level') &&
    source.has('time')
  );
}

/** The one object of another type that --log-jsonl has so far (#28586): no request. */
const isMemoryTable = (source: JsonObject): boolean =>
  source.get('type') === 'fit_memory_breakdown' && source.get('data') instanceof Map;

function fieldsOf(line: string): JsonObject | 'not_a_request' | undefined {
  const request = REQUEST.exec(line);
  if (request) return requestFields(request[1]!, request[2]!);
  const slot = SLOT.exec(line);
  if (slot) return slotFields(slot[1]!, slot[2]!, slot[3]!);
  const cancelled = CANCEL.exec(line)?.[1];
  if (cancelled !== undefined) return members({ task: cancelled, cancelled: 'true', ended: 'true' });
  return NOISE.test(line) ? 'not_a_request' : undefined;
}

/** `/v1/chat/completions 192.0.2.7 200`: the path is decoded and may hold spaces. */
function requestFields(method: string, rest: string): JsonObject | undefined {
  const status = rest.lastIndexOf(' ');
  const client = rest.lastIndexOf(' ', status - 1);
  if (client < 0 || !/^\d{3}$/.test(rest.slice(status + 1))) return undefined;
  return members({
    method,
    path: rest.slice(0, client),
    client: rest.slice(client + 1, status),
    http_status: rest.slice(status + 1),
  });
}

function slotFields(slot: string, task: string, text: string): JsonObject | 'not_a_request' {
  const timing = MILLIS.exec(text);
  if (timing) {
    const [, name = '', millis, tokens] = timing;
    const of = { slot, task, [`${name.replace(' ', '_')}_ms`]: millis };
    if (name === 'total') return members({ ...of, ended: 'true' });
    return members({ ...of, [name === 'eval' ? 'output_tokens' : 'n_processed']: tokens });
  }
  const prompt = NEW_PROMPT.exec(text)?.[1];
  if (prompt !== undefined) return members({ slot, task, input_tokens: prompt });
  if (text === 'processing task') return members({ slot, task, begun: 'true' });
  if (text.startsWith('stop processing: ')) return members({ slot, task, ended: 'true' });
  // Of the time when the timings followed in lines without a task.
  return text === '' ? members({ slot, task, timed: 'true', ended: 'true' }) : 'not_a_request';
}
