import type { Adapter } from '../adapter.ts';
import type { Draft } from '../draft.ts';

/**
 * Message bodies of Anthropic-compatible servers (Anthropic API, Messages; vLLM, llama.cpp and SGLang answer so too). Tokens read from a cache
 * and written to one are counted apart from `input_tokens` and added here. A body has no time: its capture, or what carries it, must. Events of a stream
 * don't say whose they are and are not read.
 */
export const anthropic: Adapter = {
  name: 'anthropic',
  about: 'Anthropic-compatible message bodies',
  basis: 'documented',
  example:
    '{"timestamp":"2026-05-01T00:00:07.603Z","id":"msg_1","type":"message","role":"assistant","model":"qwen3-4b","content":[{"type":"text","text":"Hi"}],"stop_reason":"end_turn","usage":{"input_tokens":26,"output_tokens":12}}',
  fills: [
    'http_status',
    'finish_reason',
    'request_id',
    'user_id',
    'operation',
    'model',
    'prompt_hash',
    'completion_hash',
    'last_user_hash',
    'prompt_chars',
    'completion_chars',
    'input_tokens',
    'output_tokens',
    'cached_tokens',
    'latency_us',
  ],
  recognizes(source) {
    const usage = source.get('usage');
    return source.get('type') === 'message' && usage instanceof Map && usage.has('input_tokens');
  },
  read(draft) {
    draft.duration('latency_us', 1000, 'duration_ms', 'latency_ms');
    draft.time('timestamp', 'ts', 'created_at', 'time');
    draft.column('request_id', 'id');
    draft.column('model', 'model');
    draft.column('http_status', 'status_code');
    draft.column('user_id', 'metadata.user_id', 'user_id');
    draft.set('operation', 'chat');
    readTokens(draft);
    draft.column('finish_reason', 'stop_reason');
    draft.set('status', draft.record.finish_reason === 'refusal' ? 'refused' : 'ok');
    draft.promptWithSystem('messages', 'system');
    const { source } = draft;
    const answer = new Map([
      ['role', draft.take('role') ?? 'assistant'],
      ['content', draft.take('content') ?? null],
    ]);
    source.set('answer', answer);
    draft.completion('answer');
    draft.ignoreValue('type', 'message');
    draft.drop('answer', 'stop_sequence');
  },
};

function readTokens(draft: Draft): void {
  const written = draft.peek('usage.cache_creation_input_tokens');
  draft.column('cached_tokens', 'usage.cache_read_input_tokens');
  draft.column('input_tokens', 'usage.input_tokens');
  draft.column('output_tokens', 'usage.output_tokens');
  const { record } = draft;
  const apart = (record.cached_tokens ?? 0) + (typeof written === 'number' && written > 0 ? written : 0);
  if (record.input_tokens === undefined || apart === 0) return;
  draft.set('input_tokens', record.input_tokens + apart);
  draft.set('usage_source', 'summed');
}
