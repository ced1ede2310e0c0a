import type { JsonObject, JsonValue } from '../../record/json.ts';
import type { Adapter } from '../adapter.ts';

const LINE =
  /^\[GIN\] (\d{4})\/(\d\d)\/(\d\d) - (\d\d:\d\d:\d\d) \|\s{0,8}(\d{3})\s{0,8}\|\s{0,24}([\d.]{1,20}(?:ns|µs|ms|s|m[\d.]{1,8}s|h[\d.m]{1,12}s))\s{0,8}\|\s{0,48}(\S{1,64})\s{0,8}\|\s{0,8}([A-Z]{1,16})\s{1,16}"([^"]{0,2048})"/;
const NOISE =
  /^\[GIN-debug\] |^time=\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d) level=[A-Z]+ (?:source=|msg=)|^\[Recovery\] /;
const COLORS = /\u001b\[[\d;]{0,16}m/g;

/**
 * Access lines of gin (gin-gonic/gin, logger.go), which Ollama writes among its own log lines. The time is local, without a zone, in whole
 * seconds, of when the answer was complete; what carries the line knows better. Latencies are Go durations in any unit.
 */
export const gin: Adapter = {
  name: 'gin',
  about: 'gin access lines, as in the log of `ollama serve`',
  basis: 'seen',
  example: '[GIN] 2026/05/01 - 00:00:07 | 200 |  1.512345678s |       192.0.2.7 | POST     "/api/chat"',
  fills: ['http_status', 'client_ip', 'endpoint', 'latency_us'],
  fields(text) {
    const m = LINE.exec(text.length > 4096 ? text : text.replaceAll(COLORS, ''));
    if (!m) return NOISE.test(text) ? 'not_a_request' : undefined;
    const [, year, month, day, time, status, latency, ip, method, path] = m;
    const source: JsonObject = new Map<string, JsonValue>([
      ['time', `${year}-${month}-${day} ${time}`],
      ['status', status!],
      ['latency', latency!],
      ['ip', ip!],
      ['method', method!],
      ['path', path!],
    ]);
    return source;
  },
  read(draft) {
    draft.set('event_type', 'access');
    draft.duration('latency_us', 1_000_000, 'latency');
    draft.endTimeOfCarrier();
    draft.endTime('time');
    draft.column('client_ip', 'ip');
    draft.column('http_status', 'status');
    draft.column('endpoint', 'path');
    draft.statusFromHttp();
  },
};
