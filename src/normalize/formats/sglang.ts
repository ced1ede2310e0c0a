import { type JsonObject, type JsonValue, parseJson } from '../../record/json.ts';
import type { Adapter } from '../adapter.ts';
import type { Draft } from '../draft.ts';
import { plain, readUvicorn, takeCarried, uvicornFields } from './text.ts';

const EVENTS: ReadonlySet<JsonValue | undefined> = new Set([
  'request.received',
  'request.finished',
  'request.received.openai',
]);
/** `[2026-05-01 00:00:07 TP0] `, before lines on stdout; of later versions before the JSON too. */
const STAMP = /^\[(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?:[.,]\d{3})?((?: (?:[A-Z]{2,4}\d{1,4})){0,4})\] (.*)$/s;
const ENGINE =
  /^(?:Prefill batch|Decode batch|server_args=|Load weight |Memory pool end|Capture |KV Cache is allocated|max_total_num_tokens=|The server is fired up)/;
/** What stands for a text that the logger was told to abbreviate. */
const ABBREVIATED = /^<[\w-]{1,64}: \d{1,20} chars, blake2b=[0-9a-f]{16}>$/;

/**
 * SGLang's request logger (--log-requests --log-requests-format json): `request.received`, then `request.finished` with
 * the same `rid`, which says all that the first did. `timestamp` is local, zone-less, of the moment of writing; the
 * first line's is the start, else the last one's less `e2e_latency` (seconds). Skipped: `request.received.openai`, which
 * has no rid, and what was received as a batch, whose requests finish under rids of their own. Longer texts are cut in
 * the middle at level 2 (`...` between halves): such are dropped, not hashed. A template has been applied to chat prompts
 * then. With SGLANG_LOG_REQUEST_EXCEEDED_MS fast requests never finish in this log. On stdout, uvicorn's access lines
 * and the engine's stand between; request logs as text (`Finish: obj=...`) are not read. Read at sgl-project/sglang:
 * python/sglang/srt/utils/request_logger.py (01bb912) and log_utils.py (07416b0), srt/observability/req_time_stats.py
 * (00ce49e); utils/common.py (set_uvicorn_logging_configs) and managers/schedule_batch.py (FINISH_ABORT). The prefix
 * before JSON and the third event are later than these commits: after forks' copies of the file.
 */
export const sglang: Adapter = {
  name: 'sglang',
  about: 'SGLang request logger as JSON, and its access lines',
  basis: 'seen',
  example:
    '{"timestamp":"2026-05-01T00:00:08.1","event":"request.finished","rid":"r1","obj":{"stream":false},"out":{"meta_info":{"prompt_tokens":26,"completion_tokens":12,"e2e_latency":0.5}}}',
  fills: [
    'http_status',
    'error_type',
    'finish_reason',
    'request_id',
    'client_ip',
    'endpoint',
    'prompt_hash',
    'completion_hash',
    'prompt_chars',
    'completion_chars',
    'input_tokens',
    'output_tokens',
    'cached_tokens',
    'reasoning_tokens',
    'stream',
    'latency_us',
    'queue_us',
  ],
  recognizes,
  fields(text) {
    const m = STAMP.exec(plain(text));
    if (!m) return undefined;
    const [, time = '', ranks = '', line = ''] = m;
    if (line.startsWith('{')) return jsonFields(line, time);
    const fields = uvicornFields(line);
    if (fields !== undefined) return typeof fields === 'string' ? fields : fields.set('time', time);
    return ranks !== '' || ENGINE.test(line) ? 'not_a_request' : undefined;
  },
  parts: {
    of(source, isTimed) {
      const rid = source.get('rid');
      if (typeof rid !== 'string' || !(isTimed || source.has('timestamp'))) return undefined;
      const event = source.get('event');
      if (event === 'request.received') return { key: rid, state: 'open' };
      return event === 'request.finished' ? { key: rid, state: 'last' } : undefined;
    },
    fold(gathered, part) {
      if (!gathered || part.get('event') === 'request.received') return gathered ? undefined : part;
      const begun = gathered.get('timestamp');
      return begun === undefined ? part : part.set('received', begun);
    },
  },
  read(draft) {
    const event = draft.peek('event');
    if (draft.source.has('path')) {
      takeCarried(draft);
      draft.time('carried', 'time');
      if (draft.record.ts !== undefined) draft.ignore('time');
      readUvicorn(draft);
      return undefined;
    }
    if (event === 'request.received.openai') return 'not_a_request';
    if (event === 'request.received' && Array.isArray(draft.peek('rid'))) return 'not_a_request';
    readRequest(draft, event === 'request.finished');
    return undefined;
  },
};

function recognizes(source: JsonObject): boolean {
  if (!EVENTS.has(source.get('event'))) return false;
  return source.has('rid') ? source.has('obj') || source.has('out') : source.get('obj') instanceof Map;
}

function jsonFields(line: string, time: string): JsonObject | undefined {
  let value: JsonValue;
  try {
    value = parseJson(line);
  } catch {
    return undefined;
  }
  if (!(value instanceof Map) || !recognizes(value)) return undefined;
  return value.has('timestamp') ? value : value.set('timestamp', time);
}

function readRequest(draft: Draft, isFinished: boolean): void {
  const meta = 'out.meta_info';
  draft.ignoreValue('event', 'request.received', 'request.finished');
  draft.column('request_id', 'rid');
  const { request_id: id = '' } = draft.record;
  for (const name of ['obj.rid', `${meta}.id`]) draft.ignoreValue(name, id);
  draft.duration('latency_us', 1_000_000, `${meta}.e2e_latency`);
  draft.duration('queue_us', 1_000_000, `${meta}.queue_time`);
  // Seconds since 1970: free of the zone's doubt.
  draft.time(`${meta}.request_received_ts`, 'received');
  if (draft.record.ts !== undefined) {
    for (const name of ['timestamp', 'received']) if (draft.readTime(name)) draft.ignore(name);
  } else if (isFinished) draft.endTime('timestamp');
  else draft.time('timestamp');
  draft.column('input_tokens', `${meta}.prompt_tokens`);
  draft.column('output_tokens', `${meta}.completion_tokens`);
  draft.column('cached_tokens', `${meta}.cached_tokens`);
  draft.column('reasoning_tokens', `${meta}.reasoning_tokens`);
  draft.column('stream', 'obj.stream');
  readOutcome(draft, isFinished);
  readContent(draft);
}

function readOutcome(draft: Draft, isFinished: boolean): void {
  const at = 'out.meta_info.finish_reason';
  draft.column('finish_reason', `${at}.type`, at);
  draft.column('http_status', `${at}.status_code`);
  draft.column('error_type', `${at}.err_type`);
  const { finish_reason: reason, http_status: code } = draft.record;
  draft.statusFromHttp();
  // An abort with a status is the server's answer, one without is the client's leaving or an operator's.
  if (reason === 'abort' && code === undefined) draft.set('status', 'cancelled');
  else if (isFinished && draft.record.status === undefined) draft.set('status', 'ok');
  draft.drop(`${at}.message`);
  if (typeof draft.peek(`${at}.matched`) === 'string') draft.drop(`${at}.matched`);
}

function readContent(draft: Draft): void {
  if (isWhole(draft.peek('obj.text'))) draft.prompt('obj.text');
  // A chat's whole history stands in the one text.
  delete draft.record.last_user_hash;
  if (isWhole(draft.peek('out.text'))) draft.completion('out.text');
  for (const name of ['text', 'input_ids', 'input_embeds', 'image_data', 'audio_data', 'video_data'])
    draft.drop(`obj.${name}`);
  for (const name of ['text', 'output_ids', 'embedding', 'meta_info.hidden_states', 'output_hidden_states'])
    draft.drop(`out.${name}`);
  for (const name of [
    'stop',
    'stop_regex',
    'json_schema',
    'regex',
    'ebnf',
    'structural_tag',
    'custom_params',
  ])
    draft.drop(`obj.sampling_params.${name}`);
  draft.drop('headers', 'obj.session_params', 'obj.custom_logit_processor');
}

/** Cut text is two halves with `...` between. */
function isWhole(text: JsonValue | undefined): boolean {
  if (typeof text !== 'string' || ABBREVIATED.test(text)) return false;
  if (!text.includes('...')) return true;
  const points = Array.from(text);
  const half = (points.length - 3) / 2;
  return !Number.isInteger(half) || points.slice(half, half + 3).join('') !== '...';
}
