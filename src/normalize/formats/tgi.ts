import type { Adapter } from '../adapter.ts';

/** Spans of the router that are a request. */
const OPERATIONS: ReadonlyMap<unknown, readonly [operation: string, stream: boolean | undefined]> = new Map([
  ['generate', ['completion', false]],
  ['generate_stream', ['completion', true]],
  ['compat_generate', ['completion', undefined]],
  ['completions', ['completion', undefined]],
  ['chat_completions', ['chat', undefined]],
  ['vertex_compatibility', ['chat', undefined]],
]);

/**
 * JSON log of text-generation-inference (huggingface/text-generation-inference db931fc, router/src/server.rs and logging.rs): flat, the span beside the
 * message; lines of the launcher have `fields.message`. Durations are Rust's (`1.23s`, `45.6ms`). Tokens are in response headers
 * only: a proxy can log them. There is neither who, nor from where, nor which model.
 */
export const tgi: Adapter = {
  name: 'tgi',
  about: 'text-generation-inference JSON log',
  basis: 'documented',
  example:
    '{"timestamp":"2026-05-01T00:00:08.115Z","level":"INFO","message":"Success","target":"text_generation_router::server","span":{"name":"generate","total_time":"512.3ms","queue_time":"45.1µs","validation_time":"1.2ms","inference_time":"511ms","time_per_token":"42.6ms"}}',
  fills: ['error_type', 'operation', 'provider', 'stream', 'latency_us', 'queue_us'],
  recognizes(source) {
    const target = source.get('target');
    return (
      typeof target === 'string' &&
      /^text_generation_(?:router|launcher)(?:$|::)/.test(target) &&
      source.has('timestamp')
    );
  },
  read(draft) {
    const span = draft.peek('span.name');
    const operation = OPERATIONS.get(span);
    const succeeded = draft.peek('message') === 'Success';
    const failed = draft.peek('level') === 'ERROR';
    if (!operation || !(succeeded || failed)) return 'not_a_request';
    draft.set('operation', operation[0]);
    draft.set('stream', operation[1]);
    draft.set('provider', 'tgi');
    draft.duration('latency_us', 1_000_000, 'span.total_time');
    draft.duration('queue_us', 1_000_000, 'span.queue_time');
    draft.endTime('timestamp');
    draft.set('status', failed ? 'error' : 'ok');
    if (failed) draft.column('error_type', 'error_type', 'err');
    draft.ignoreValue('message', 'Success');
    draft.ignoreValue('level', 'INFO');
    // The span once more, and its parameters with stop words.
    draft.drop('spans', 'message', 'span.parameters');
    return undefined;
  },
};
