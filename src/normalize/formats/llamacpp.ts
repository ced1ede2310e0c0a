import type { JsonObject } from '../../record/json.ts';
import type { Adapter } from '../adapter.ts';

/**
 * The JSON log of llama.cpp's server until September 2024 (and of forks of that age): each line says the `function` and
 * `line` of the code; `log_server_request` is a request, in whole seconds of its end, `message` in 2023 and `msg` after.
 * Model, user, latency and tokens are not in it (timings stand in lines of their own, which name a task and no request).
 * `params` is the query. At level VERB the same function logs whole bodies: those lines are no further requests. Read at
 * ggml-org/llama.cpp, examples/server/server.cpp and utils.hpp between #5700 and #9418, as forks keep them; a line of it in #5939.
 */
export const llamacpp: Adapter = {
  name: 'llamacpp',
  about: 'llama.cpp server log as JSON, until September 2024',
  basis: 'documented',
  example:
    '{"tid":"140","timestamp":1777593607,"level":"INFO","function":"log_server_request","line":2737,"msg":"request","remote_addr":"192.0.2.7","remote_port":52626,"status":200,"method":"POST","path":"/completion","params":{}}',
  fills: ['http_status', 'client_ip', 'endpoint'],
  recognizes: source =>
    ['function', 'line', 'level', 'timestamp'].every(name => source.has(name)) &&
    (source.has('msg') || source.has('message')),
  read(draft) {
    if (!isRequest(draft.source)) return 'not_a_request';
    draft.set('event_type', 'access');
    draft.time('timestamp');
    draft.column('client_ip', 'remote_addr');
    draft.column('http_status', 'status');
    draft.column('endpoint', 'path');
    const params = draft.peek('params');
    if (params instanceof Map && params.size === 0) draft.ignore('params');
    else draft.drop('params');
    draft.ignoreValue('function', 'log_server_request');
    draft.ignoreValue('level', 'INFO');
    for (const name of ['msg', 'message']) draft.ignoreValue(name, 'request');
    if (typeof draft.peek('line') === 'number') draft.ignore('line');
    const thread = draft.peek('tid');
    if (typeof thread === 'string' && /^\d{1,20}$/.test(thread)) draft.ignore('tid');
    draft.statusFromHttp();
    return undefined;
  },
};

const isRequest = (source: JsonObject): boolean =>
  source.get('function') === 'log_server_request' && source.has('path') && source.has('status');
