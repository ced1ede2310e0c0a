import type { JsonObject, JsonValue } from '../../record/json.ts';
import type { Adapter } from '../adapter.ts';
import type { Draft } from '../draft.ts';
import { foldChunk, stateOfChunk } from './chunks.ts';

const OPERATIONS: ReadonlyMap<string, string> = new Map([
  ['chat.completion', 'chat'],
  ['chat.completion.chunk', 'chat'],
  ['text_completion', 'completion'],
  ['response', 'chat'],
  ['list', 'embedding'],
]);

/**
 * Bodies of OpenAI-compatible servers (OpenAI API reference; vLLM, llama.cpp, SGLang, LM Studio): chat completions, completions, responses,
 * embeddings. Chunks of a stream, and the events of a response, are one record; tokens of a stream come only if the caller
 * asked for them. `created` has whole seconds. llama.cpp's `timings` count what was evaluated, without the cache: never tokens.
 */
export const openai: Adapter = {
  name: 'openai',
  about: 'OpenAI-compatible bodies, chunks of streams and response events',
  basis: 'seen',
  example:
    '{"id":"chatcmpl-1","object":"chat.completion","created":1777593607,"model":"qwen3-4b","choices":[{"index":0,"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":26,"completion_tokens":12,"total_tokens":38}}',
  fills: [
    'http_status',
    'error_type',
    'finish_reason',
    'request_id',
    'user_id',
    'operation',
    'model',
    'model_version',
    'prompt_hash',
    'completion_hash',
    'last_user_hash',
    'prompt_chars',
    'completion_chars',
    'input_tokens',
    'output_tokens',
    'cached_tokens',
    'reasoning_tokens',
    'stream',
    'latency_us',
  ],
  recognizes(source) {
    if (isEvent(source)) return true;
    const object = source.get('object');
    if (operationOf(object) === undefined) return false;
    return object === 'list' ? source.get('usage') instanceof Map : source.has('model');
  },
  split(source) {
    if (!isEvent(source)) return [source];
    // An event that says how far a response is holds all of it; the others are pieces of what that one will hold.
    const response = source.get('response');
    if (!(response instanceof Map)) return [];
    response.set('stream', true);
    return [response];
  },
  parts: { of: stateOfChunk, fold: foldChunk },
  read(draft) {
    const object = draft.peek('object');
    draft.set('operation', operationOf(object));
    const ended = draft.between('created_at', 'completed_at');
    if (ended !== undefined && ended > 0) draft.set('latency_us', ended);
    draft.time('created', 'created_at', 'ts', 'timestamp');
    // Whoever has not seen how a stream began doesn't know what was said.
    const begun = draft.take('begun');
    if (begun === false) keepReasons(draft);
    readBody(draft);
    draft.column('stream', 'stream');
    if (object === 'chat.completion.chunk') draft.set('stream', true);
    draft.column('user_id', 'user', 'safety_identifier');
    draft.column('http_status', 'status_code');
    draft.column('error_type', 'error.code', 'error.type', 'incomplete_details.reason');
    readStatus(draft);
    // A stream whose end nobody has seen.
    if (begun !== undefined && draft.record.finish_reason === undefined) draft.set('status', 'unknown');
    draft.ignoreValue('object', ...OPERATIONS.keys());
    draft.drop('error', 'instructions', 'data', 'headers', 'authorization', 'reasoning', 'choices', 'output');
  },
};

const operationOf = (object: JsonValue | undefined): string | undefined =>
  typeof object === 'string' ? OPERATIONS.get(object) : undefined;

/** Of choices only why they ended. */
function keepReasons(draft: Draft): void {
  const choices = draft.peek('choices');
  if (!Array.isArray(choices)) return;
  for (const choice of choices) if (choice instanceof Map) choice.delete('message');
}

const isEvent = (source: JsonObject): boolean => {
  const type = source.get('type');
  if (typeof type !== 'string' || !type.startsWith('response.')) return false;
  const response = source.get('response');
  return response instanceof Map
    ? response.get('object') === 'response'
    : source.has('output_index') || source.has('item_id');
};

function readStatus(draft: Draft): void {
  const state = draft.peek('status');
  const { error_type: error, finish_reason: reason } = draft.record;
  if (state === 'cancelled') draft.set('status', 'cancelled');
  else if (reason === 'content_filter' || error === 'content_filter') draft.set('status', 'refused');
  else if (state === 'failed') draft.set('status', 'error');
  else if (state === 'in_progress' || state === 'queued') draft.set('status', 'unknown');
  else if (state === 'incomplete') draft.set('status', 'ok');
  else if (error !== undefined) draft.set('status', 'error');
  else draft.set('status', 'ok');
  draft.ignoreValue('status', 'completed', 'cancelled', 'failed');
}

/** A response body, also where another format carries one. `usage` includes cached and reasoning tokens. */
export function readBody(draft: Draft, at = ''): void {
  draft.column('request_id', `${at}id`);
  draft.column('model', `${at}model`);
  draft.column('model_version', `${at}system_fingerprint`);
  readUsage(draft, `${at}usage`);
  const choices = draft.peek(`${at}choices`);
  const first: JsonValue | undefined = Array.isArray(choices) ? choices[0] : undefined;
  const reason = first instanceof Map ? first.get('finish_reason') : undefined;
  if (typeof reason === 'string' && /^\w{1,64}$/.test(reason)) draft.set('finish_reason', reason);
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
