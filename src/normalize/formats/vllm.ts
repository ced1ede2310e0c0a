import type { JsonObject } from '../../record/json.ts';
import type { Adapter } from '../adapter.ts';
import type { Draft } from '../draft.ts';
import { members, plain, readUvicorn, takeCarried, uvicornFields } from './text.ts';

/** `(APIServer pid=90458) `, before all that a process of vLLM writes. */
const PROCESS = /^\([\w.:-]{1,64} pid=\d{1,10}\) /;
/** `INFO 02-13 11:33:33 [logger.py:49] message`; older releases (0.4.0) have no bracket before the file. */
const OWN =
  /^(?:DEBUG|INFO|WARNING|ERROR|CRITICAL) (\d\d)-(\d\d) (\d\d:\d\d:\d\d) \[?[\w./-]{1,200}:\d{1,7}\] (.*)$/s;
const RECEIVED = /^Received request (\S{1,512}): /;
const GENERATED = /^Generated response (\S{1,512})(?: \(streaming (complete|delta)\))?: /;
const FINISH = /, finish_reason: (\w{1,40})$/;
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const OPERATIONS: readonly [string, string][] = [
  ['chatcmpl-', 'chat'],
  ['cmpl-', 'completion'],
  ['embd-', 'embedding'],
];

/**
 * vLLM's log as text. Access lines are uvicorn's (other servers on uvicorn write the same) and say no time: theirs is
 * their carrier's. `Received request` (--enable-log-requests) and `Generated response` (--enable-log-outputs) are one
 * request by its id; ids are the client's to choose (X-Request-Id), so that another `Received` begins another request.
 * Prompts, answers and token ids may have been cut (--max-log-len): dropped. The lines' own times have neither year nor
 * zone; a carrier's is better. Tokens, the model and the latency are not in this log. Read at vllm-project/vllm:
 * vllm/entrypoints/logger.py (01ff126, 63c2b7a), vllm/logger.py (00656a8), vllm/logging_utils/formatter.py (85c990c),
 * vllm/logging_utils/uvicorn_logging.py (41fde2c).
 */
export const vllm: Adapter = {
  name: 'vllm',
  about: 'vLLM server log (request logger, uvicorn access lines)',
  basis: 'documented',
  example:
    '2026-05-01T00:00:07.603000000Z stdout F INFO:     192.0.2.7:51408 - "POST /v1/chat/completions HTTP/1.1" 200 OK',
  fills: ['http_status', 'finish_reason', 'request_id', 'client_ip', 'operation', 'endpoint', 'stream'],
  fields(text) {
    const line = plain(text).replace(PROCESS, '');
    return uvicornFields(line) ?? ownFields(line);
  },
  parts: {
    of(source) {
      const id = source.get('request_id');
      return typeof id === 'string' ? { key: id, state: 'enough' } : undefined;
    },
    fold(gathered, part) {
      if (!gathered) return part;
      if (part.has('time')) return undefined;
      for (const [name, value] of part) {
        if (name === '_dropped' && typeof value === 'number')
          gathered.set(name, ((gathered.get(name) as number | undefined) ?? 0) + value);
        else gathered.set(name, value);
      }
      return gathered;
    },
  },
  read(draft) {
    if (draft.source.has('request_id')) readRequest(draft);
    else readUvicorn(draft);
  },
};

function ownFields(line: string): JsonObject | 'not_a_request' | undefined {
  const m = OWN.exec(line);
  if (!m) return undefined;
  const [, month, day, clock, text = ''] = m;
  const time = `${MONTHS[Number(month) - 1] ?? month} ${day} ${clock}`;
  const received = RECEIVED.exec(text);
  const generated = received ? null : GENERATED.exec(text);
  const id = received?.[1] ?? generated?.[1];
  if (id === undefined) return 'not_a_request';
  const fields = received
    ? members({ request_id: id, time })
    : members({
        request_id: id,
        finished: time,
        streaming: generated?.[2],
        finish_reason: reasonOf(text),
      });
  // Parameters hold stop words and schemas; the rest is the prompt or the answer.
  return fields.set('_dropped', 1);
}

/** `streaming_complete` is said of the whole text of a stream, in place of a reason. */
function reasonOf(text: string): string | undefined {
  const reason = FINISH.exec(text.slice(-80))?.[1];
  return reason === 'None' || reason === 'streaming_complete' ? undefined : reason;
}

function readRequest(draft: Draft): void {
  const id = draft.peek('request_id');
  if (typeof id === 'string') draft.set('operation', OPERATIONS.find(([begin]) => id.startsWith(begin))?.[1]);
  draft.column('request_id', 'request_id');
  draft.column('finish_reason', 'finish_reason');
  const streaming = draft.take('streaming');
  if (streaming !== undefined) draft.set('stream', true);
  const reason = draft.record.finish_reason;
  const isWhole = reason !== undefined || (draft.source.has('finished') && streaming !== 'delta');
  if (reason === 'abort') draft.set('status', 'cancelled');
  else if (reason === 'error') draft.set('status', 'error');
  else if (isWhole) draft.set('status', 'ok');
  takeCarried(draft);
  draft.time('carried', 'time', 'finished');
  if (draft.record.ts !== undefined) draft.ignore('time');
}
