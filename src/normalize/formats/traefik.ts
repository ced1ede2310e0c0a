import type { Adapter } from '../adapter.ts';

/**
 * Traefik's JSON access log (traefik/traefik v3, pkg/middlewares/accesslog/logdata.go). StartUTC is when the request began, durations are
 * nanoseconds. Headers that an operator keeps stand in members of their own and may hold tokens.
 */
export const traefik: Adapter = {
  name: 'traefik',
  about: 'Traefik JSON access lines',
  basis: 'documented',
  example:
    '{"StartUTC":"2026-05-01T00:00:07.603123456Z","ClientHost":"192.0.2.7","ClientUsername":"-","RequestMethod":"POST","RequestPath":"/v1/chat/completions","DownstreamStatus":200,"Duration":512345678,"RetryAttempts":0}',
  fills: [
    'http_status',
    'request_id',
    'trace_id',
    'user_id',
    'client_ip',
    'user_agent',
    'endpoint',
    'attempt',
    'latency_us',
  ],
  recognizes: source => source.has('StartUTC') && source.has('DownstreamStatus'),
  read(draft) {
    draft.set('event_type', 'access');
    draft.time('StartUTC', 'StartLocal');
    draft.duration('latency_us', 0.001, 'Duration');
    draft.column('client_ip', 'ClientHost');
    draft.ignoreValue('ClientUsername', '-');
    draft.column('user_id', 'ClientUsername');
    draft.column('http_status', 'DownstreamStatus');
    draft.column('endpoint', 'RequestPath');
    draft.column('user_agent', 'request_User-Agent');
    draft.column('request_id', 'request_X-Request-Id');
    draft.column('trace_id', 'trace_id', 'TraceId');
    const retries = draft.peek('RetryAttempts');
    if (typeof retries === 'number' && retries >= 0) {
      draft.set('attempt', retries + 1);
      draft.ignore('RetryAttempts');
    }
    draft.drop('RequestPath');
    for (const name of draft.source.keys())
      if (/^(?:request|origin|downstream)_/.test(name)) draft.drop(name);
    draft.ignoreValue('level', 'info');
    draft.ignoreValue('msg', '');
    draft.statusFromHttp();
  },
};
