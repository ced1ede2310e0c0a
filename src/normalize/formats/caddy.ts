import type { Adapter } from '../adapter.ts';

/** Caddy's access log: `client_ip` is the caller, `remote_ip` the last proxy; times and durations are seconds. */
export const caddy: Adapter = {
  name: 'caddy',
  about: 'Caddy access lines (http.log.access)',
  basis: 'documented',
  example:
    '{"level":"info","ts":1777593607.6,"logger":"http.log.access","msg":"handled request","request":{"client_ip":"192.0.2.7","method":"POST","uri":"/v1/chat/completions"},"duration":0.42,"status":200}',
  fills: ['http_status', 'user_id', 'request_id', 'client_ip', 'user_agent', 'endpoint', 'latency_us'],
  recognizes(source) {
    const logger = source.get('logger');
    return (
      typeof logger === 'string' &&
      logger.startsWith('http.log.access') &&
      source.get('request') instanceof Map
    );
  },
  read(draft) {
    draft.set('event_type', 'access');
    draft.column('client_ip', 'request.client_ip', 'request.remote_ip');
    draft.column('http_status', 'status');
    draft.column('user_id', 'user_id');
    draft.column('endpoint', 'request.uri');
    const agents = draft.peek('request.headers.User-Agent');
    if (Array.isArray(agents) && typeof agents[0] === 'string') {
      draft.source.set('user_agent', agents[0]);
      draft.column('user_agent', 'user_agent');
    }
    draft.column('request_id', 'uuid', 'request_id');
    draft.duration('latency_us', 1_000_000, 'duration');
    // Written when the answer was: caddyhttp/server.go logs in a deferred call.
    draft.endTime('ts');
    draft.drop('request.uri', 'request.headers', 'resp_headers', 'error');
    draft.ignoreValue('level', 'info', 'error');
    draft.ignoreValue('msg', 'handled request');
    draft.ignoreValue('logger', 'http.log.access');
    draft.statusFromHttp();
  },
};
