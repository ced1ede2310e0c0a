import type { Adapter } from '../adapter.ts';

/** Operators choose the members; one of these is always there. */
const VARIABLES = ['request', 'request_uri', 'uri', 'request_time', 'time_iso8601', 'time_local', 'msec'];

/** JSON access lines of nginx (`log_format ... escape=json`) with its variables under their own names. */
export const nginx: Adapter = {
  name: 'nginx',
  about: 'nginx JSON access lines',
  basis: 'documented',
  example:
    '{"time_iso8601":"2026-05-01T00:00:07+00:00","remote_addr":"192.0.2.7","request":"POST /v1/chat/completions HTTP/1.1","status":"200","request_time":"0.420"}',
  fills: [
    'http_status',
    'user_id',
    'request_id',
    'client_ip',
    'user_agent',
    'endpoint',
    'model',
    'input_tokens',
    'output_tokens',
    'latency_us',
  ],
  recognizes: source =>
    source.has('remote_addr') &&
    source.has('status') &&
    VARIABLES.some(name => source.has(name)) &&
    !source.has('function'),
  read(draft) {
    draft.set('event_type', 'access');
    draft.column('client_ip', 'remote_addr');
    draft.column('http_status', 'status');
    const user = draft.peek('remote_user');
    if (user === '-') draft.ignore('remote_user');
    draft.column('user_id', 'remote_user');
    const request = draft.peek('request');
    const line = typeof request === 'string' ? /^([A-Z]+) (\S+)(?: HTTP\/[\d.]+)?$/.exec(request) : null;
    if (line) {
      draft.ignore('request');
      draft.source.set('method', line[1]!);
      if (!draft.source.has('uri')) draft.source.set('uri', line[2]!);
    }
    draft.column('endpoint', 'uri', 'request_uri');
    for (const name of ['uri', 'request_uri', 'args', 'query_string', 'http_authorization', 'http_cookie'])
      draft.drop(name);
    const referer = draft.take('http_referer');
    if (typeof referer === 'string' && referer !== '-')
      draft.source.set('http_referer', referer.replace(/[?#].*$/s, ''));
    draft.column('user_agent', 'http_user_agent');
    draft.column('request_id', 'request_id', 'http_x_request_id');
    draft.duration('latency_us', 1_000_000, 'request_time');
    // $msec, $time_iso8601 and $time_local are of the moment the line is written (ngx_http_log_module): the end.
    draft.endTime('msec', 'time_iso8601', 'time_local', 'time', 'timestamp', '@timestamp');
    draft.column('input_tokens', 'upstream_http_x_prompt_tokens');
    draft.column('output_tokens', 'upstream_http_x_generated_tokens');
    draft.column('model', 'model', 'upstream_http_x_model');
    if (draft.record.input_tokens !== undefined) draft.set('usage_source', 'reported');
    draft.drop('request', 'request_body', 'resp_body');
    draft.statusFromHttp();
  },
};
