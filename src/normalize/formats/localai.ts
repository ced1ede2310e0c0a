import type { Adapter } from '../adapter.ts';

/**
 * LocalAI's log as JSON (mudler/LocalAI 82c191a, core/http/app.go, with LOCALAI_LOG_FORMAT=json): path and status alone. Tokens and users are
 * in its table `usage_records` only. Before its #7989 an error that a handler kept to itself was logged as 200.
 */
export const localai: Adapter = {
  name: 'localai',
  about: 'LocalAI JSON log',
  basis: 'documented',
  example:
    '{"time":"2026-05-01T00:00:07.603123456Z","level":"INFO","msg":"HTTP request","method":"POST","path":"/v1/chat/completions","status":200}',
  fills: ['http_status', 'endpoint'],
  recognizes: source => source.get('msg') === 'HTTP request' && source.has('path') && source.has('status'),
  read(draft) {
    if (draft.peek('msg') !== 'HTTP request') return 'not_a_request';
    draft.set('event_type', 'access');
    draft.time('time');
    draft.column('http_status', 'status');
    draft.column('endpoint', 'path');
    draft.ignore('msg');
    draft.ignoreValue('level', 'INFO', 'DEBUG');
    draft.statusFromHttp();
    return undefined;
  },
};
