import type { Adapter } from '../adapter.ts';

/** Caddy's access log: `client_ip` is the caller, `remote_ip` the last proxy; times and durations are seconds. */
export const caddy: Adapter = {
  name: 'caddy',
  about: 'Caddy access lines (http.log.access)',
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
    draft.time('ts');
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
    draft.drop('request.uri', 'request.headers', 'resp_headers', 'error');
    draft.ignore('level', 'msg', 'logger');
    draft.statusFromHttp();
  },
};
