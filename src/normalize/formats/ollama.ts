import type { Adapter } from '../adapter.ts';

/** Bodies of Ollama's /api/chat and /api/generate. Only the last one of a stream (`done`) records the request. */
export const ollama: Adapter = {
  name: 'ollama',
  about: 'Ollama response bodies (/api/chat, /api/generate)',
  basis: 'seen',
  example:
    '{"model":"qwen3:4b","created_at":"2026-05-01T00:00:09.1Z","message":{"role":"assistant","content":"Hi"},"done":true,"done_reason":"stop","total_duration":1500000000,"prompt_eval_count":26,"eval_count":12}',
  fills: [
    'finish_reason',
    'request_id',
    'user_id',
    'client_ip',
    'operation',
    'model',
    'model_version',
    'provider',
    'prompt_hash',
    'completion_hash',
    'last_user_hash',
    'prompt_chars',
    'completion_chars',
    'input_tokens',
    'output_tokens',
    'latency_us',
  ],
  recognizes: source =>
    source.has('model') && source.has('created_at') && typeof source.get('done') === 'boolean',
  read(draft) {
    if (draft.peek('done') === false) return 'not_a_request';
    draft.ignoreValue('done', true);
    const { record } = draft;
    draft.duration('latency_us', 0.001, 'total_duration');
    // created_at is when the answer was complete.
    draft.endTime('created_at');
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
