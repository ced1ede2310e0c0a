import type { JsonObject, JsonValue } from '../../record/json.ts';
import type { Adapter } from '../adapter.ts';

const QUOTED = '"((?:[^"\\\\]|\\\\.)*)"';
const LINE = new RegExp(
  `^(\\S{1,256}) (\\S{1,256}) (\\S{1,256}) \\[([^\\]]{1,40})\\] ${QUOTED} (\\d{3}|-) (\\d{1,18}|-)(?: ${QUOTED} ${QUOTED})?(?: (.*))?$`,
  's',
);
const REQUEST = /^([A-Z]{1,20}) (\S+)(?: HTTP\/[\d.]{1,4})?$/;

/** Neither server takes a request line or a header that long; the pattern's memory grows with what it reads. */
const MAX_LINE = 64 << 10;

/**
 * Common and combined log lines, as Apache httpd (mod_log_config) and nginx (ngx_http_log_module) write them. Apache's time is when the
 * request began, nginx's when it was over; a line doesn't say whose it is, and whole seconds are all it has. A number with a point
 * behind the line is nginx's `$request_time`, seconds; other additions stay in `extra`.
 */
export const combined: Adapter = {
  name: 'combined',
  about: 'Apache and nginx access lines, common or combined',
  basis: 'seen',
  example:
    '192.0.2.7 - ana [01/May/2026:00:00:07 +0000] "POST /v1/chat/completions HTTP/1.1" 200 804 "-" "curl/8.5.0"',
  fills: ['http_status', 'user_id', 'client_ip', 'user_agent', 'endpoint', 'latency_us'],
  fields(text) {
    const m = text.length > MAX_LINE ? null : LINE.exec(text);
    if (!m) return undefined;
    const [, ip, ident, user, time, request, status, size, referer, agent, rest] = m;
    const members = { ip, ident, user, time, request, status, size, referer, user_agent: agent, rest };
    const source: JsonObject = new Map<string, JsonValue>();
    for (const [name, value] of Object.entries(members))
      if (value !== undefined && value !== '-' && value !== '') source.set(name, value);
    return source;
  },
  read(draft) {
    draft.set('event_type', 'access');
    draft.column('client_ip', 'ip');
    draft.column('user_id', 'user');
    draft.column('http_status', 'status');
    draft.column('user_agent', 'user_agent');
    const request = draft.take('request');
    const line = typeof request === 'string' ? REQUEST.exec(request) : null;
    if (line) {
      draft.source.set('method', line[1]!);
      draft.constant('endpoint', line[2]!);
    } else if (request !== undefined) {
      // No request at all: bytes of another protocol, or nothing.
      draft.source.set('odd', request);
      draft.drop('odd');
    }
    const referer = draft.peek('referer');
    if (typeof referer === 'string') draft.replace('referer', referer.replace(/[?#].*$/s, ''));
    const rest = draft.peek('rest');
    const seconds = typeof rest === 'string' ? /^"?(\d{1,6}\.\d{3})"?$/.exec(rest)?.[1] : undefined;
    if (seconds !== undefined) {
      draft.replace('rest', seconds);
      draft.duration('latency_us', 1_000_000, 'rest');
      draft.endTime('time');
    } else draft.time('time');
    draft.statusFromHttp();
  },
};
