import type { Adapter } from '../adapter.ts';
import { addressOf, operationOfPath, unflatten } from './paths.ts';

/**
 * JSON access lines of Envoy AI Gateway (envoyproxy/ai-gateway, the EnvoyProxy access log of its documentation). Operators choose the keys; these
 * are the documented ones. Lines of MCP have all `gen_ai.*` null and are access alone. `x-forwarded-for` is as true as the proxy
 * before this one; the name of the provider is a path of its configuration.
 */
export const envoyAi: Adapter = {
  name: 'envoy-ai',
  about: 'Envoy AI Gateway access lines',
  basis: 'seen',
  example:
    '{"start_time":"2026-05-01T00:00:07.603Z","method":"POST","x-envoy-origin-path":"/v1/chat/completions","response_code":200,"duration":512,"x-request-id":"v-1","x-forwarded-for":"192.0.2.7","gen_ai.request.model":"small","gen_ai.usage.input_tokens":26,"gen_ai.usage.output_tokens":12}',
  fills: [
    'http_status',
    'request_id',
    'session_id',
    'user_id',
    'client_ip',
    'user_agent',
    'operation',
    'endpoint',
    'model',
    'model_requested',
    'provider',
    'input_tokens',
    'output_tokens',
    'cached_tokens',
    'reasoning_tokens',
    'latency_us',
  ],
  recognizes: source =>
    source.has('start_time') &&
    source.has('response_code') &&
    [...source.keys()].some(n => n.startsWith('gen_ai.')),
  read(draft) {
    const { source } = draft;
    unflatten(source);
    draft.time('start_time');
    draft.duration('latency_us', 1000, 'duration');
    draft.column('http_status', 'response_code');
    draft.column('request_id', 'x-request-id');
    draft.column('user_agent', 'user-agent');
    draft.column('user_id', 'x-user-id', 'user_id');
    draft.column('session_id', 'session.id', 'agent-session-id', 'mcp.session.id');
    for (const name of ['x-forwarded-for', 'downstream_remote_address']) {
      const address = addressOf(source.get(name));
      if (
        draft.record.client_ip !== undefined ||
        address === undefined ||
        !draft.constant('client_ip', address)
      )
        continue;
      if (address === source.get(name)) draft.take(name);
    }
    draft.column('endpoint', 'x-envoy-origin-path', ':path', 'path');
    draft.column('model_requested', 'gen_ai.request.model');
    draft.column('model', 'gen_ai.response.model', 'gen_ai.request.model_override');
    draft.column('provider', 'gen_ai.provider.name');
    draft.column('input_tokens', 'gen_ai.usage.input_tokens');
    draft.column('output_tokens', 'gen_ai.usage.output_tokens');
    draft.column('cached_tokens', 'gen_ai.usage.cached_input_tokens', 'gen_ai.usage.cache_read.input_tokens');
    draft.column('reasoning_tokens', 'gen_ai.usage.reasoning_tokens', 'gen_ai.usage.reasoning.output_tokens');
    const { model_requested: model, input_tokens: input = 0, output_tokens: output = 0 } = draft.record;
    if (draft.peek('gen_ai.usage.total_tokens') === input + output) draft.ignore('gen_ai.usage.total_tokens');
    const isCall = model !== undefined || draft.record.input_tokens !== undefined;
    draft.set('event_type', isCall ? 'inference' : 'access');
    if (isCall) draft.set('operation', operationOfPath(draft.record.endpoint));
    // Envoy answers 0 where the client went away before there was an answer.
    if (draft.record.http_status === 0) draft.set('status', 'cancelled');
    draft.statusFromHttp();
    for (const name of ['response_flags', 'x-envoy-upstream-service-time']) draft.ignoreValue(name, '-');
    draft.drop('x-envoy-origin-path', ':path', 'path');
  },
};
