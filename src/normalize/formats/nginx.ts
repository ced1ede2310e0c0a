import type { Adapter } from '../adapter.ts';

/** JSON access lines of nginx (`log_format ... escape=json`) with its variables under their own names. */
export const nginx: Adapter = {
  name: 'nginx',
  about: 'nginx JSON access lines',
  recognizes: source => source.has('remote_addr') && source.has('status') && !source.has('ts'),
  read(draft) {
    draft.set('event_type', 'access');
    draft.time('time_iso8601', 'msec', 'time_local', 'time', 'timestamp', '@timestamp');
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
    draft.column('input_tokens', 'upstream_http_x_prompt_tokens');
    draft.column('output_tokens', 'upstream_http_x_generated_tokens');
    draft.column('model', 'model', 'upstream_http_x_model');
    if (draft.record.input_tokens !== undefined) draft.set('usage_source', 'reported');
    draft.drop('request', 'request_body', 'resp_body');
    draft.statusFromHttp();
  },
};
