import type { Adapter } from '../adapter.ts';
import { members, plain, takeCarried } from './text.ts';

/** `[GIN] 2026/05/01 - 02:00:09 | 200 |  1.2345678s |  192.0.2.7 | POST     "/api/chat"` */
const LINE =
  /^\[GIN\] (\d{4})\/(\d\d)\/(\d\d) - (\d\d:\d\d:\d\d) \| {1,4}(\d{1,3}) \| {1,16}(-?[\d.]{1,24}[a-zµμ][\w.µμ]{0,40}) \| {1,60}([\w.:%]{0,60}) \| {1,4}([A-Z]{1,20}) {1,12}"(.*)"$/s;
/** gin's start-up and errors, and `ollama serve`'s own lines: log/slog's with the place in the code, and those before it. */
const NOISE =
  /^(?:\[GIN-debug\] |Error #\d{1,3}: |time=\S{10,40} level=[A-Z]{4,5}\S{0,3} source=\S{1,200} msg=|\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d \w{1,60}\.go:\d{1,6}: )/;

/**
 * gin's access lines, as Ollama writes them to its log. The time is local, without a zone, in whole seconds, and of the
 * end of the request: a carrier's is better. Latencies over a millisecond are cut to 10 µs, over a second to 10 ms, over a
 * minute to 10 s. Model, tokens and user are not in them. Read at gin-gonic/gin dcaa429 (logger.go, defaultLogFormatter)
 * and ollama/ollama 017eb8a (logutil/logutil.go).
 */
export const gin: Adapter = {
  name: 'gin',
  about: 'GIN access lines, as of Ollama',
  basis: 'seen',
  example: '[GIN] 2026/05/01 - 02:00:09 | 200 |  1.230987654s |       192.0.2.7 | POST     "/api/chat"',
  fills: ['http_status', 'client_ip', 'endpoint', 'latency_us'],
  fields(text) {
    const line = plain(text);
    const m = LINE.exec(line);
    if (!m) return NOISE.test(line) ? 'not_a_request' : undefined;
    const [, year, month, day, clock, status, latency, client, method, quoted = ''] = m;
    const target = quoted.replaceAll(/\\(["\\])/g, '$1');
    const query = target.indexOf('?');
    return members({
      time: `${year}-${month}-${day} ${clock}`,
      http_status: status,
      latency,
      client,
      method,
      path: query < 0 ? target : target.slice(0, query),
      query: query < 0 ? undefined : target.slice(query + 1),
    });
  },
  read(draft) {
    takeCarried(draft);
    draft.set('event_type', 'access');
    draft.duration('latency_us', 1_000_000, 'latency');
    draft.endTime('carried', 'time');
    if (draft.record.ts !== undefined) draft.ignore('time');
    draft.column('client_ip', 'client');
    draft.column('http_status', 'http_status');
    draft.column('endpoint', 'path');
    draft.drop('query');
    draft.statusFromHttp();
  },
};
