import { JsonNumber } from '../../record/json.ts';
import { readTime } from '../../record/time.ts';
import type { Adapter } from '../adapter.ts';

/** Bodies of Ollama's /api/chat and /api/generate. Only the last one of a stream (`done`) records the request. */
export const ollama: Adapter = {
  name: 'ollama',
  about: 'Ollama response bodies (/api/chat, /api/generate)',
  recognizes: source =>
    source.has('model') && source.has('created_at') && typeof source.get('done') === 'boolean',
  read(draft) {
    if (draft.take('done') === false) return 'not_a_request';
    const { record } = draft;
    draft.duration('latency_us', 0.001, 'total_duration');
    const written = draft.peek('created_at');
    draft.time('created_at');
    // created_at is when the answer was complete: the request began total_duration earlier.
    if (record.ts !== undefined && record.latency_us !== undefined) {
      const began = earlier(record.ts, record.latency_us);
      if (began !== undefined) {
        record.ts = began;
        draft.source.set('ts_raw', written ?? null);
      }
    }
    const tag = draft.take('model');
    if (typeof tag === 'string' && tag !== '') {
      const [name = tag, version] = tag.split(/:(?=[^:]*$)/);
      draft.set('model', name);
      draft.set('model_version', version);
    }
    // Absent counts mean unknown (omitempty), not zero.
    draft.column('input_tokens', 'prompt_eval_count');
    draft.column('output_tokens', 'eval_count');
    if (record.input_tokens !== undefined || record.output_tokens !== undefined)
      draft.set('usage_source', 'reported');
    else if (draft.peek('done_reason') === 'load' || draft.peek('done_reason') === 'unload')
      draft.set('event_type', 'admin');
    draft.column('finish_reason', 'done_reason');
    draft.set('operation', draft.source.has('message') ? 'chat' : 'completion');
    draft.set('provider', 'ollama');
    draft.set('status', 'ok');
    draft.prompt('messages', 'prompt');
    draft.completion('message', 'response');
    draft.column('client_ip', 'client_ip', 'remote_addr');
    draft.column('user_id', 'user_id', 'user');
    draft.column('request_id', 'request_id');
    draft.drop('context', 'system', 'template', 'images');
    return undefined;
  },
};

function earlier(ts: string, micros: number): string | undefined {
  const at = BigInt(Date.parse(`${ts.slice(0, 23)}Z`)) * 1000n + BigInt(ts.slice(23, 26)) - BigInt(micros);
  const whole = String(at / 1_000_000n);
  return readTime(new JsonNumber(`${whole}.${String(at % 1_000_000n).padStart(6, '0')}`))?.ts;
}
