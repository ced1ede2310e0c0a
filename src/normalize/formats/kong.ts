import type { JsonObject, JsonValue } from '../../record/json.ts';
import type { Adapter } from '../adapter.ts';
import type { Draft } from '../draft.ts';
import { operationOfPath } from './paths.ts';

/**
 * Kong's logging plugins (Kong/kong 3.6 to 3.9, kong/pdk/log.lua `serialize`) with the members of its AI plugins ("AI audit log
 * reference"): `ai.ai-proxy`, `ai.proxy` since 3.8. Several plugins are several calls of a model. Documentation says
 * `prompt_token`, the program `prompt_tokens`. An answer from the cache has no llm_latency. Times and latencies are milliseconds.
 */
export const kong: Adapter = {
  name: 'kong',
  about: 'Kong gateway logs, with AI plugins',
  basis: 'documented',
  example:
    '{"started_at":1777593607603,"client_ip":"192.0.2.7","request":{"id":"k-1","method":"POST","uri":"/chat"},"response":{"status":200},"latencies":{"request":512,"kong":3,"proxy":509},"consumer":{"username":"ana"},"ai":{"proxy":{"usage":{"prompt_tokens":26,"completion_tokens":12},"meta":{"request_model":"small","response_model":"qwen3-4b","provider_name":"llama2","llm_latency":500}}}}',
  fills: [
    'http_status',
    'request_id',
    'user_id',
    'api_key_id',
    'client_ip',
    'user_agent',
    'operation',
    'endpoint',
    'model',
    'model_requested',
    'provider',
    'input_tokens',
    'output_tokens',
    'stream',
    'attempt',
    'latency_us',
    'cost_microusd',
  ],
  recognizes: source =>
    source.has('started_at') && source.get('latencies') instanceof Map && source.has('request'),
  split(source) {
    const ai = source.get('ai');
    if (!(ai instanceof Map)) return [source];
    const calls = [...ai].filter(([, v]) => v instanceof Map && (v.has('usage') || v.has('meta')));
    if (calls.length === 0) return [source];
    return calls.map(([plugin, call]) => {
      const one: JsonObject = copied(source);
      const rest = one.get('ai');
      if (rest instanceof Map) for (const [name] of calls) rest.delete(name);
      one.set('plugin', plugin);
      one.set('call', call);
      if (calls.length > 1) one.set('calls', calls.length);
      return one;
    });
  },
  read(draft) {
    const isCall = draft.peek('call') instanceof Map;
    draft.set('event_type', isCall ? 'inference' : 'access');
    draft.time('started_at');
    draft.column('client_ip', 'client_ip');
    draft.column('user_id', 'consumer.username', 'consumer.custom_id', 'consumer.id');
    draft.column('api_key_id', 'authenticated_entity.id');
    draft.column('request_id', 'request.id');
    draft.column('http_status', 'response.status');
    draft.column('user_agent', 'request.headers.user-agent');
    draft.column('endpoint', 'request.uri');
    const tries = draft.peek('tries');
    if (Array.isArray(tries) && tries.length > 0) {
      draft.set('attempt', tries.length);
      draft.ignore('tries');
    }
    // Of several calls each took its own time.
    if (draft.peek('calls') !== undefined) draft.duration('latency_us', 1000, 'call.meta.llm_latency');
    draft.duration('latency_us', 1000, 'latencies.request');
    if (isCall) readCall(draft);
    draft.statusFromHttp();
    draft.drop(
      'request.headers',
      'response.headers',
      'request.querystring',
      'request.url',
      'request.uri',
      'upstream_uri',
      'ai',
    );
  },
};

function readCall(draft: Draft): void {
  draft.column('model', 'call.meta.response_model');
  draft.column('model_requested', 'call.meta.request_model');
  draft.column('provider', 'call.meta.provider_name');
  draft.column('input_tokens', 'call.usage.prompt_tokens', 'call.usage.prompt_token');
  draft.column('output_tokens', 'call.usage.completion_tokens', 'call.usage.completion_token');
  draft.cost('call.usage.cost');
  draft.set('operation', operationOfPath(draft.record.endpoint) ?? 'chat');
  const mode = draft.peek('call.meta.request_mode');
  if (mode === 'stream' || mode === 'oneshot') {
    draft.set('stream', mode === 'stream');
    draft.ignore('call.meta.request_mode');
  }
  draft.drop('call.payload');
}

/** Each call is read on its own, and takes its members away. */
function copied(value: JsonObject): JsonObject {
  return new Map([...value].map(([name, v]) => [name, copiedValue(v)]));
}

function copiedValue(value: JsonValue): JsonValue {
  if (value instanceof Map) return copied(value);
  return Array.isArray(value) ? value.map(copiedValue) : value;
}
