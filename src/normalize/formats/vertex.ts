import type { JsonObject, JsonValue } from '../../record/json.ts';
import type { Adapter } from '../adapter.ts';
import type { Draft } from '../draft.ts';

/**
 * Rows of Vertex AI's request-response logging, exported from BigQuery as JSON (Google Cloud, "Log requests and responses",
 * table schema). `request_id` is NUMERIC, beyond 2^53. With a sampling rate below 1 the log is not complete, and no
 * row says so. There is no latency and no address.
 */
export const vertex: Adapter = {
  name: 'vertex',
  about: 'Vertex AI request-response logging rows',
  basis: 'documented',
  example:
    '{"logging_time":"2026-05-01T00:00:07.603Z","api_method":"generateContent","model":"gemma-3-4b","model_version":"1","request_id":98765432101234567,"full_response":{"usageMetadata":{"promptTokenCount":26,"candidatesTokenCount":12}}}',
  fills: [
    'finish_reason',
    'request_id',
    'user_id',
    'operation',
    'endpoint',
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
    'cached_tokens',
    'reasoning_tokens',
    'stream',
  ],
  recognizes: source => source.has('full_response') && source.has('api_method') && source.has('logging_time'),
  read(draft) {
    draft.unfold('full_request', 'full_response', 'metadata');
    draft.time('logging_time');
    draft.column('request_id', 'request_id');
    draft.column('model', 'model');
    draft.column('model_version', 'model_version');
    draft.column('endpoint', 'endpoint');
    draft.column('user_id', 'metadata.user_id');
    draft.set('provider', 'gcp.vertex_ai');
    const method = draft.peek('api_method');
    if (typeof method === 'string') {
      draft.set('stream', /^stream/i.test(method));
      draft.set(
        'operation',
        /embed/i.test(method) ? 'embedding' : /generate|predict/i.test(method) ? 'chat' : undefined,
      );
    }
    readTokens(draft);
    readContent(draft);
    draft.drop('request_payload', 'response_payload', 'otel_log', 'full_request', 'full_response');
  },
};

/** Thoughts are counted beside what was answered. */
function readTokens(draft: Draft): void {
  const usage = 'full_response.usageMetadata';
  draft.column('input_tokens', `${usage}.promptTokenCount`);
  draft.column('cached_tokens', `${usage}.cachedContentTokenCount`);
  draft.column('reasoning_tokens', `${usage}.thoughtsTokenCount`);
  draft.column('output_tokens', `${usage}.candidatesTokenCount`);
  const { output_tokens: output, reasoning_tokens: thoughts } = draft.record;
  if (output === undefined || thoughts === undefined || thoughts === 0) return;
  draft.set('output_tokens', output + thoughts);
  draft.set('usage_source', 'summed');
}

function readContent(draft: Draft): void {
  const contents = draft.peek('full_request.contents');
  if (Array.isArray(contents)) draft.replace('full_request.contents', contents.map(asMessage));
  const system = draft.peek('full_request.systemInstruction');
  if (system instanceof Map) draft.replace('full_request.systemInstruction', system.get('parts') ?? null);
  draft.promptWithSystem('full_request.contents', 'full_request.systemInstruction');
  const candidates = draft.peek('full_response.candidates');
  const first = Array.isArray(candidates) ? candidates[0] : undefined;
  if (!(first instanceof Map)) return;
  const reason = first.get('finishReason');
  if (typeof reason === 'string' && /^[A-Z_]{1,64}$/.test(reason)) {
    draft.set('finish_reason', reason.toLowerCase());
    draft.set('status', /SAFETY|PROHIBITED|BLOCKLIST|SPII/.test(reason) ? 'refused' : 'ok');
  }
  draft.replace('full_response.candidates', [asMessage(first.get('content') ?? null)]);
  draft.completion('full_response.candidates');
}

/** `{role: model, parts}` as the other formats have it. */
function asMessage(value: JsonValue): JsonValue {
  if (!(value instanceof Map)) return value;
  const message: JsonObject = new Map();
  const role = value.get('role');
  message.set('role', role === 'model' ? 'assistant' : (role ?? 'user'));
  message.set('content', value.get('parts') ?? null);
  return message;
}
