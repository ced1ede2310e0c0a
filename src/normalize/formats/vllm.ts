import type { JsonObject, JsonValue } from '../../record/json.ts';
import type { Adapter } from '../adapter.ts';

/** `(APIServer pid=1) `, or SGLang's `[2026-05-01 00:00:07 TP0] `. */
const PREFIX =
  /^(?:\([\w ]{1,40} ?(?:pid=\d{1,10})?\) )?(?:\[(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?: [A-Z]{2}\d{1,4})*\] )?/;
const ACCESS = /^INFO: {4,8}(\S{1,64}) - "([A-Z]{1,16}) (\S{1,4096}) HTTP\/[\d.]{1,4}" (\d{3})\b/;
const RECEIVED =
  /^INFO (\d\d-\d\d \d\d:\d\d:\d\d) \[(?:[\w/]{1,100}\/)?logger\.py:\d{1,6}\] Received request (\S{1,256}): /;
const NOISE =
  /^(?:DEBUG|INFO|WARNING|ERROR|CRITICAL) \d\d-\d\d \d\d:\d\d:\d\d \[|^(?:INFO|WARNING|ERROR): {4,8}(?:Started|Waiting|Application|Uvicorn|Shutting|Finished|Invalid HTTP|Exception in ASGI|connection)/;

/**
 * vLLM's server log (vllm-project/vllm, entrypoints/logger.py) with the access lines of uvicorn (encode/uvicorn, protocols/http), which SGLang
 * writes too. Access lines say from where, path and status, and no time: theirs is that of what carries them. `Received request`
 * says an id and a prompt, rendered and perhaps cut, so that no hash is made of it; its time has neither year nor zone.
 */
export const vllm: Adapter = {
  name: 'vllm',
  about: 'vLLM server log lines, and access lines of uvicorn',
  basis: 'documented',
  example:
    '2026-05-01T00:00:07.603Z stdout F INFO:     192.0.2.7:50022 - "POST /v1/chat/completions HTTP/1.1" 200 OK',
  fills: ['http_status', 'request_id', 'client_ip', 'endpoint', 'provider'],
  fields(text) {
    const prefix = PREFIX.exec(text)!;
    const rest = text.slice(prefix[0].length);
    const access = ACCESS.exec(rest);
    if (access) {
      const [, client, method, path, status] = access;
      return members({ time: prefix[1], client, method, path, status });
    }
    const received = RECEIVED.exec(rest);
    if (received)
      return members({
        received: received[1],
        request_id: received[2],
        prompt: rest.slice(received[0].length),
      });
    return NOISE.test(rest) ? 'not_a_request' : undefined;
  },
  read(draft) {
    if (draft.peek('received') !== undefined) {
      draft.time('received');
      draft.column('request_id', 'request_id');
      draft.set('provider', 'vllm');
      draft.drop('prompt');
      return;
    }
    draft.set('event_type', 'access');
    const client = draft.peek('client');
    const address = typeof client === 'string' ? /^(.{2,45}):\d{1,5}$/.exec(client)?.[1] : undefined;
    if (address !== undefined && draft.constant('client_ip', address)) draft.take('client');
    draft.column('http_status', 'status');
    draft.column('endpoint', 'path');
    // What carries the line is more exact than a time without zone and fraction.
    draft.endTimeOfCarrier();
    draft.time('time');
    draft.statusFromHttp();
  },
};

const members = (pairs: Record<string, string | undefined>): JsonObject =>
  new Map<string, JsonValue>(Object.entries(pairs).filter((p): p is [string, string] => p[1] !== undefined));
