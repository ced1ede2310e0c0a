import type { JsonObject } from '../../record/json.ts';
import type { Adapter } from '../adapter.ts';
import type { Draft } from '../draft.ts';

/**
 * SGLang's request log as JSON (sgl-project/sglang, srt/utils/request_logger.py, --log-requests-format json): `request.received` and
 * `request.finished` of one `rid`, each with the time of its writing, local and without a zone. From level 2 on prompts stand in it, at
 * level 2 cut in the middle to 2,048: those are not hashed. With SGLANG_LOG_REQUEST_EXCEEDED_MS fast requests are not in the log.
 */
export const sglang: Adapter = {
  name: 'sglang',
  about: 'SGLang request log',
  basis: 'seen',
  example:
    '{"timestamp":"2026-05-01T00:00:08.115123","event":"request.finished","rid":"r-1","obj":{"stream":false},"out":{"meta_info":{"id":"r-1","finish_reason":{"type":"stop"},"prompt_tokens":26,"completion_tokens":12,"cached_tokens":4,"e2e_latency":0.512}}}',
  fills: [
    'error_type',
    'finish_reason',
    'request_id',
    'provider',
    'prompt_hash',
    'completion_hash',
    'last_user_hash',
    'prompt_chars',
    'completion_chars',
    'input_tokens',
    'output_tokens',
    'cached_tokens',
    'stream',
    'latency_us',
    'queue_us',
  ],
  recognizes(source) {
    const event = source.get('event');
    return (event === 'request.received' || event === 'request.finished') && source.has('rid');
  },
  parts: {
    of(source) {
      const rid = source.get('rid');
      // The ids of a batch are a list, and stand in one line.
      if (typeof rid !== 'string') return undefined;
      return { key: rid, state: source.get('event') === 'request.finished' ? 'last' : 'open' };
    },
    fold(gathered, part) {
      if (!gathered) return part;
      if (part.get('event') === 'request.received') return undefined;
      const received = gathered.get('timestamp');
      if (received !== undefined) part.set('received', received);
      const object: JsonObject = new Map();
      for (const from of [gathered.get('obj'), part.get('obj')])
        if (from instanceof Map) for (const [name, value] of from) object.set(name, value);
      if (object.size > 0) part.set('obj', object);
      return part;
    },
  },
  read(draft) {
    const meta = 'out.meta_info';
    draft.column('request_id', 'rid');
    if (draft.peek(`${meta}.id`) === draft.record.request_id) draft.ignore(`${meta}.id`);
    draft.set('provider', 'sglang');
    draft.duration('latency_us', 1_000_000, `${meta}.e2e_latency`);
    draft.duration('queue_us', 1_000_000, `${meta}.queue_time`);
    draft.column('input_tokens', `${meta}.prompt_tokens`);
    draft.column('output_tokens', `${meta}.completion_tokens`);
    draft.column('cached_tokens', `${meta}.cached_tokens`);
    draft.column('stream', 'obj.stream');
    const isFinished = draft.peek('event') === 'request.finished';
    if (draft.peek('received') !== undefined) draft.time('received');
    else if (isFinished) draft.endTime('timestamp');
    else draft.time('timestamp');
    readOutcome(draft, isFinished);
    if (!isCut(draft, 'obj.text')) draft.prompt('obj.text');
    if (!isCut(draft, 'out.text')) draft.completion('out.text');
    draft.ignoreValue('event', 'request.received', 'request.finished');
    draft.drop(
      'obj.text',
      'out.text',
      'obj.input_ids',
      'out.output_ids',
      'obj.image_data',
      'obj.audio_data',
      'headers',
    );
  },
};

function readOutcome(draft: Draft, isFinished: boolean): void {
  const at = 'out.meta_info.finish_reason';
  draft.column('finish_reason', `${at}.type`, at);
  const { finish_reason: reason } = draft.record;
  if (reason === 'abort') {
    draft.column('error_type', `${at}.err_type`);
    draft.set('status', draft.record.error_type === undefined ? 'cancelled' : 'error');
  } else if (isFinished) draft.set('status', reason === undefined ? 'unknown' : 'ok');
  draft.drop(`${at}.message`, `${at}.matched`);
}

/** Level 2 keeps 1,024 characters of either end. */
function isCut(draft: Draft, path: string): boolean {
  const text = draft.peek(path);
  if (typeof text !== 'string' || text.length < 2051 || text.length > 2 * 2051) return false;
  const points = Array.from(text);
  return points.length === 2051 && points.slice(1024, 1027).join('') === '...';
}
