import type { Adapter } from '../adapter.ts';
import type { Draft } from '../draft.ts';

const OPERATIONS: ReadonlyMap<unknown, string> = new Map([
  ['chat.completion', 'chat'],
  ['chat.completion.chunk', 'chat'],
  ['text_completion', 'completion'],
  ['response', 'chat'],
  ['list', 'embedding'],
]);

/** Bodies of OpenAI-compatible servers (vLLM, llama.cpp, SGLang, LM Studio). Of a stream, the chunk with `usage` counts. */
export const openai: Adapter = {
  name: 'openai',
  about: 'OpenAI-compatible response bodies',
  basis: 'seen',
  example:
    '{"id":"chatcmpl-1","object":"chat.completion","created":1777593607,"model":"qwen3-4b","choices":[{"index":0,"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":26,"completion_tokens":12,"total_tokens":38}}',
  fills: [],
  recognizes(source) {
    const object = source.get('object');
    if (!OPERATIONS.has(object)) return false;
    return object === 'list' ? source.has('usage') : source.has('model');
  },
  read(draft) {
    const object = draft.take('object');
    const isChunk = object === 'chat.completion.chunk';
    if (isChunk && !(draft.peek('usage') instanceof Map)) return 'not_a_request';
    draft.set('operation', OPERATIONS.get(object));
    draft.time('created', 'created_at', 'ts', 'timestamp');
    readBody(draft);
    if (isChunk) draft.set('stream', true);
    draft.column('user_id', 'user', 'safety_identifier');
    draft.column('http_status', 'status_code');
    draft.column('error_type', 'error.type', 'error.code');
    const state = draft.peek('status');
    if (draft.record.error_type !== undefined || state === 'failed') draft.set('status', 'error');
    else if (state === 'cancelled') draft.set('status', 'cancelled');
    else draft.set('status', draft.record.finish_reason === 'content_filter' ? 'refused' : 'ok');
    if (typeof state === 'string') draft.take('status');
    draft.drop('error', 'instructions', 'data', 'headers', 'authorization', 'reasoning');
    return undefined;
  },
};

/** A response body, also where another format carries one. `usage` includes cached and reasoning tokens. */
export function readBody(draft: Draft, at = ''): void {
  draft.column('request_id', `${at}id`);
  draft.column('model', `${at}model`);
  draft.column('model_version', `${at}system_fingerprint`);
  readUsage(draft, `${at}usage`);
  const choices = draft.peek(`${at}choices`);
  const first = Array.isArray(choices) ? choices[0] : undefined;
  const reason = first instanceof Map ? first.get('finish_reason') : undefined;
  if (typeof reason === 'string' && reason !== '' && reason.length < 64) draft.set('finish_reason', reason);
  draft.completion(`${at}choices`, `${at}output`);
  draft.prompt(`${at}messages`, `${at}prompt`, `${at}input`);
}

export function readUsage(draft: Draft, at: string): void {
  draft.column('input_tokens', `${at}.prompt_tokens`, `${at}.input_tokens`);
  draft.column('output_tokens', `${at}.completion_tokens`, `${at}.output_tokens`);
  for (const name of ['prompt_tokens_details', 'input_tokens_details']) {
    draft.column('cached_tokens', `${at}.${name}.cached_tokens`);
  }
  for (const name of ['completion_tokens_details', 'output_tokens_details']) {
    draft.column('reasoning_tokens', `${at}.${name}.reasoning_tokens`);
  }
  const { input_tokens: input, output_tokens: output } = draft.record;
  if (input !== undefined || output !== undefined) draft.record.usage_source ??= 'reported';
  if (draft.peek(`${at}.total_tokens`) === (input ?? 0) + (output ?? 0)) draft.ignore(`${at}.total_tokens`);
}
