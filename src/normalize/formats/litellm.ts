import type { Adapter } from '../adapter.ts';
import type { Draft } from '../draft.ts';
import { readUsage } from './openai.ts';

const OPERATIONS: readonly [RegExp, string][] = [
  [/^a?text_completion$/, 'completion'],
  [/^a?(?:completion|responses|anthropic_messages)$/, 'chat'],
  [/embedding/, 'embedding'],
  [/rerank/, 'rerank'],
];

/** LiteLLM's StandardLoggingPayload, and the rows of its spend logs (`request_id`, `spend`, metadata as text). */
export const litellm: Adapter = {
  name: 'litellm',
  about: 'LiteLLM logging payloads and spend logs',
  basis: 'seen',
  example:
    '{"id":"chatcmpl-1","call_type":"acompletion","startTime":1777593607.6,"endTime":1777593608.1,"model":"qwen3-4b","model_group":"small","status":"success","prompt_tokens":26,"completion_tokens":12,"metadata":{"user_api_key_user_id":"ana"}}',
  fills: [
    'http_status',
    'error_type',
    'finish_reason',
    'request_id',
    'trace_id',
    'session_id',
    'user_id',
    'api_key_id',
    'client_ip',
    'user_agent',
    'operation',
    'model',
    'model_version',
    'model_requested',
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
    'attempt',
    'latency_us',
    'ttft_us',
    'cost_microusd',
  ],
  recognizes(source) {
    if (!source.has('call_type') || !source.has('startTime')) return false;
    return source.has('model_group') || source.has('hidden_params') || source.has('spend');
  },
  read(draft) {
    draft.unfold('metadata', 'response', 'messages', 'request_tags');
    readTimes(draft);
    const call = draft.peek('call_type');
    draft.set('operation', OPERATIONS.find(([form]) => typeof call === 'string' && form.test(call))?.[1]);
    draft.column('request_id', 'id', 'request_id', 'litellm_call_id');
    draft.column('trace_id', 'trace_id');
    draft.column('session_id', 'session_id');
    draft.column(
      'user_id',
      'metadata.user_api_key_user_id',
      'user',
      'end_user',
      'metadata.user_api_key_end_user_id',
    );
    draft.column('api_key_id', 'metadata.user_api_key_hash');
    draft.apiKey('api_key');
    draft.apiKey('metadata.user_api_key');
    draft.column('client_ip', 'requester_ip_address', 'metadata.requester_ip_address');
    draft.column('user_agent', 'metadata.user_agent');
    draft.column('model', 'model');
    draft.column('model_requested', 'model_group');
    draft.column('model_version', 'response.system_fingerprint');
    draft.column('provider', 'custom_llm_provider');
    draft.column('stream', 'stream');
    readTokens(draft);
    draft.cost('response_cost', 'spend', 'hidden_params.response_cost');
    const retries = draft.peek('metadata.attempted_retries');
    if (typeof retries === 'number' && retries >= 0) {
      draft.set('attempt', retries + 1);
      draft.ignore('metadata.attempted_retries');
    }
    readOutcome(draft);
    readContent(draft);
    return undefined;
  },
};

function readTimes(draft: Draft): void {
  // response_time is the time to first token when streaming: the whole is endTime - startTime.
  const latency = draft.between('startTime', 'endTime');
  const first = draft.between('startTime', 'completionStartTime');
  if (first !== undefined && first !== latency && draft.peek('stream') === true) draft.set('ttft_us', first);
  draft.set('latency_us', latency);
  draft.time('startTime');
  if (latency !== undefined) {
    draft.ignore('endTime');
    draft.ignoreNumber('response_time');
  }
  if (first !== undefined) draft.ignore('completionStartTime');
}

function readTokens(draft: Draft): void {
  const usage =
    draft.peek('metadata.usage_object') instanceof Map ? 'metadata.usage_object' : 'response.usage';
  draft.column('input_tokens', 'prompt_tokens');
  draft.column('output_tokens', 'completion_tokens');
  readUsage(draft, usage);
  for (const name of ['prompt_tokens', 'completion_tokens', 'total_tokens']) draft.ignore(`${usage}.${name}`);
  const { input_tokens: input = 0, output_tokens: output = 0 } = draft.record;
  if (draft.peek('total_tokens') === input + output) draft.ignore('total_tokens');
}

function readOutcome(draft: Draft): void {
  draft.column('error_type', 'error_information.error_class');
  draft.column('http_status', 'error_information.error_code');
  const state = draft.peek('status');
  draft.ignoreValue('status', 'success', 'failure');
  if (state === 'success') draft.set('status', 'ok');
  else {
    draft.statusFromHttp();
    if (draft.record.status === undefined) draft.set('status', state === 'failure' ? 'error' : 'unknown');
  }
  // Where there was no answer nothing was counted: zero is what the writer begins with.
  const { record } = draft;
  if (state === 'failure' && record.input_tokens === 0) delete record.input_tokens;
  if (state === 'failure' && record.output_tokens === 0) delete record.output_tokens;
  if (record.input_tokens === undefined && record.output_tokens === undefined) delete record.usage_source;
  draft.drop(
    'error_str',
    'error_information.error_message',
    'error_information.traceback',
    'response_cost_failure_debug_info',
  );
}

function readContent(draft: Draft): void {
  const choices = draft.peek('response.choices');
  const first = Array.isArray(choices) ? choices[0] : undefined;
  const reason = first instanceof Map ? first.get('finish_reason') : undefined;
  if (typeof reason === 'string' && reason !== '') draft.set('finish_reason', reason);
  draft.prompt('messages');
  draft.completion('response');
  draft.drop(
    'proxy_server_request',
    'model_parameters',
    'guardrail_information',
    'metadata.requester_metadata',
  );
  const cache = draft.peek('cache_hit');
  if (cache === 'None' || cache === 'False') draft.ignore('cache_hit');
}
