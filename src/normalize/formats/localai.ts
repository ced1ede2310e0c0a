import type { Adapter } from '../adapter.ts';

/**
 * LocalAI's access lines with LOCALAI_LOG_FORMAT=json (log/slog), written when the handler is done: method, path and
 * status, no more. Who asked, what model and how long it took are not in them. Releases before the status was derived
 * from a handler's error logged such failures as 200, as the comment beside it says. Read at mudler/LocalAI 82c191a
 * (core/http/app.go) and mudler/xlog 9518885 (logger.go).
 */
export const localai: Adapter = {
  name: 'localai',
  about: 'LocalAI access lines as JSON',
  basis: 'documented',
  example:
    '{"time":"2026-05-01T00:00:07.603412Z","level":"INFO","msg":"HTTP request","method":"POST","path":"/v1/chat/completions","status":200}',
  fills: ['http_status', 'endpoint'],
  recognizes: source =>
    source.get('msg') === 'HTTP request' &&
    source.has('path') &&
    source.has('method') &&
    source.has('status'),
  read(draft) {
    // What else it logs, where it has been named.
    if (draft.peek('msg') !== 'HTTP request') return 'not_a_request';
    draft.set('event_type', 'access');
    draft.time('time');
    draft.column('endpoint', 'path');
    draft.column('http_status', 'status');
    draft.ignoreValue('msg', 'HTTP request');
    draft.ignoreValue('level', 'INFO', 'DEBUG');
    draft.statusFromHttp();
    return undefined;
  },
};
