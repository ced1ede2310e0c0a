import type { JsonObject } from '../../record/json.ts';
import type { Adapter } from '../adapter.ts';

/** Handlers of requests by the name of their span. */
const OPERATIONS: ReadonlyMap<unknown, string> = new Map([
  ['generate', 'completion'],
  ['generate_stream', 'completion'],
  ['completions', 'completion'],
  ['chat_completions', 'chat'],
]);
/** How errors of requests begin, and what the API calls them. */
const ERRORS: readonly [string, string][] = [
  ['Request failed during generation: ', 'generation'],
  ['Incomplete generation stream', 'incomplete_generation_stream'],
  ['Incomplete generation', 'incomplete_generation'],
  ['Input validation error: ', 'validation'],
  // tokio's words for it, which is what is logged.
  ['no permits available', 'overloaded'],
  ['Template error: ', 'template_error'],
];
/** A validation's message stands without a beginning of its own; its place tells. */
const VALIDATION = 'text_generation_router::infer';

/**
 * text-generation-inference with --json-output: the router's `Success` line of a request, whose span holds durations as
 * Rust writes them (`1.23s`, `45.6ms`, `12µs`), written when the answer is complete; and the error line of one that
 * failed. Tokens, the model, the client and the HTTP status are not in it (tokens are in headers of the answer:
 * x-prompt-tokens, x-generated-tokens). A request with several prompts, or best_of, says `Success` for each prompt. The
 * launcher's lines record no requests. Read at huggingface/text-generation-inference db931fc (3.3.6-dev0):
 * router/src/server.rs, router/src/infer/mod.rs, router/src/logging.rs, backends/v3/src/backend.rs.
 */
export const tgi: Adapter = {
  name: 'tgi',
  about: 'text-generation-inference router log as JSON',
  basis: 'documented',
  example:
    '{"timestamp":"2026-05-01T00:00:08.103412Z","level":"INFO","message":"Success","target":"text_generation_router::server","filename":"router/src/server.rs","line_number":432,"span":{"name":"generate","queue_time":"61.4µs","total_time":"1.23s"}}',
  fills: ['error_type', 'operation', 'stream', 'latency_us', 'queue_us'],
  recognizes(source) {
    const target = source.get('target');
    return (
      typeof target === 'string' && /^text_generation_(?:router|launcher)/.test(target) && source.has('level')
    );
  },
  read(draft) {
    const message = draft.peek('message');
    const error = draft.peek('level') === 'ERROR' ? errorOf(draft.source) : undefined;
    if (message !== 'Success' && error === undefined) return 'not_a_request';
    const spans = spansOf(draft.source);
    const handler = spans[0]?.get('name') === 'compat_generate' ? spans[1] : spans[0];
    const name = handler?.get('name');
    draft.set('operation', OPERATIONS.get(name));
    if (name === 'generate_stream') draft.set('stream', true);
    draft.source.set('span', spans.findLast(s => s.has('total_time')) ?? handler ?? null);
    draft.drop('spans', 'span.parameters');
    draft.duration('latency_us', 1_000_000, 'span.total_time');
    draft.duration('queue_us', 1_000_000, 'span.queue_time');
    draft.ignoreValue('span.seed', 'None');
    draft.endTime('timestamp');
    draft.set('error_type', error);
    draft.set('status', error === undefined ? 'ok' : 'error');
    // The message may quote what was asked.
    if (error === undefined) draft.ignore('message');
    else draft.drop('message');
    draft.ignoreValue('level', 'INFO', 'ERROR');
    draft.ignoreValue('target', 'text_generation_router::server', 'text_generation_router::infer');
    const file = draft.peek('filename');
    if (typeof file === 'string' && file.endsWith('.rs')) draft.ignore('filename');
    if (typeof draft.peek('line_number') === 'number') draft.ignore('line_number');
    return undefined;
  },
};

/** Undefined for an error that is none of a request's, such as a broken connection to a shard. */
function errorOf(source: JsonObject): string | undefined {
  const message = source.get('message');
  if (typeof message !== 'string' || !(source.get('span') instanceof Map)) return undefined;
  const known = ERRORS.find(([begin]) => message.startsWith(begin))?.[1];
  if (known !== undefined || message.startsWith('Tokenization ')) return known;
  return source.get('target') === VALIDATION ? 'validation' : undefined;
}

/** From the handler's inwards. */
function spansOf(source: JsonObject): JsonObject[] {
  const spans = source.get('spans');
  const own = source.get('span');
  return [...(Array.isArray(spans) ? spans : []), own].filter(s => s instanceof Map);
}
