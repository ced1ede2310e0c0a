import type { JsonObject, JsonValue } from '../../record/json.ts';
import type { Adapter } from '../adapter.ts';
import type { Draft } from '../draft.ts';
import { operationOfPath } from './paths.ts';

const ACCESS =
  /^(\S{1,64}) - (\S{1,256}) \[([^\]]{1,40})\] (\S{1,256}) "([A-Z]{1,16}) (\S*) HTTP\/[\d.]{1,4}" (\d{3}) (\d{1,15}) ([\d.]{1,20}) "([^"]*)" "([^"]*)" (\S{1,256}) (\S{1,64}) (\S{1,64}) "([^"]*)" "([^"]{0,64})" "(ai_chat|ai_stream|traditional_http)?" "([^"]{0,20})" "([^"]{0,256})" "([^"]{0,256})" "(\d{0,18})" "(\d{0,18})"/;
const NAMES = [
  'client_ip', 'remote_user', 'time_local', 'http_host', 'method', 'uri', 'status', 'size', 'request_time', 'referer',
  'user_agent', 'upstream_addr', 'upstream_status', 'upstream_response_time', 'upstream_url', 'request_id', 'request_type',
  'first_token', 'request_model', 'model', 'prompt_tokens', 'completion_tokens',
] as const; // prettier-ignore

/** nginx takes no request line or header that long. */
const MAX_LINE = 64 << 10;

/**
 * APISIX with its AI proxy (apache/apisix 3.12 to 3.14): the access log line with LLM variables, and the objects of its loggers
 * with `llm_summary` (plugins/ai-proxy/base.lua, utils/log-util.lua). All values of `llm_summary` are text. Its `duration` is
 * the time to the first token, of use when streaming only; older releases wrote seconds there when the model failed.
 */
export const apisix: Adapter = {
  name: 'apisix',
  about: 'Apache APISIX AI proxy: access lines and llm_summary objects',
  basis: 'seen',
  example:
    '{"start_time":1777593607603,"client_ip":"192.0.2.7","request":{"method":"POST","uri":"/v1/chat/completions"},"response":{"status":200},"latency":512,"llm_summary":{"request_model":"small","model":"qwen3-4b","prompt_tokens":"26","completion_tokens":"12","duration":"90"}}',
  fills: [
    'http_status',
    'request_id',
    'user_id',
    'client_ip',
    'user_agent',
    'operation',
    'endpoint',
    'model',
    'model_requested',
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
    'ttft_us',
  ],
  fields(text) {
    const m = text.length > MAX_LINE ? null : ACCESS.exec(text);
    if (!m) return undefined;
    const source: JsonObject = new Map<string, JsonValue>();
    for (const [i, name] of NAMES.entries()) {
      const value = m[i + 1] ?? '';
      if (value !== '' && value !== '-') source.set(name, value);
    }
    return source;
  },
  recognizes: source => source.get('llm_summary') instanceof Map,
  read(draft) {
    if (draft.peek('llm_summary') instanceof Map) readSummary(draft);
    else readLine(draft);
    if (draft.record.event_type !== 'access')
      draft.set('operation', operationOfPath(draft.record.endpoint) ?? 'chat');
    draft.statusFromHttp();
  },
};

function readSummary(draft: Draft): void {
  const at = 'llm_summary';
  draft.time('start_time');
  draft.column('client_ip', 'client_ip');
  draft.column('user_id', 'consumer.username', `${at}.end_user_id`);
  draft.column('request_id', 'request.headers.x-request-id', 'request_id');
  draft.column('user_agent', 'request.headers.user-agent');
  draft.column('http_status', 'response.status');
  draft.column('endpoint', 'request.uri');
  draft.column('model_requested', `${at}.request_model`);
  draft.column('model', `${at}.model`);
  draft.column('input_tokens', `${at}.prompt_tokens`);
  draft.column('output_tokens', `${at}.completion_tokens`);
  draft.column('cached_tokens', `${at}.cache_read_input_tokens`);
  draft.column('reasoning_tokens', `${at}.reasoning_tokens`);
  draft.column('stream', `${at}.stream`, 'llm_request.stream');
  draft.duration('latency_us', 1000, 'latency');
  if (draft.record.stream === true) draft.duration('ttft_us', 1000, `${at}.duration`);
  draft.prompt('llm_request.messages');
  draft.completion('llm_response_text.content');
  draft.drop(
    'request.headers',
    'response.headers',
    'request.querystring',
    'request.url',
    'request.uri',
    'llm_request',
    'llm_response_text',
  );
  // A summary of numbers, not of text: under that name it would go.
  const left = draft.take(at);
  if (left instanceof Map && left.size > 0) draft.source.set('llm', left);
}

function readLine(draft: Draft): void {
  draft.duration('latency_us', 1_000_000, 'request_time');
  draft.endTime('time_local');
  draft.column('client_ip', 'client_ip');
  draft.column('user_id', 'remote_user');
  draft.column('http_status', 'status');
  draft.column('endpoint', 'uri');
  draft.column('user_agent', 'user_agent');
  draft.column('request_id', 'request_id');
  draft.column('model_requested', 'request_model');
  draft.column('model', 'model');
  draft.column('input_tokens', 'prompt_tokens');
  draft.column('output_tokens', 'completion_tokens');
  const type = draft.take('request_type');
  if (type === 'traditional_http') draft.set('event_type', 'access');
  else draft.set('stream', type === 'ai_stream');
  if (type === 'ai_stream') draft.duration('ttft_us', 1000, 'first_token');
  draft.drop('uri', 'upstream_url');
}
