import type { JsonValue } from '../../record/json.ts';
import type { Adapter } from '../adapter.ts';
import { requestDone } from './llamacpp-text.ts';

/**
 * JSON of llama.cpp's server: the log until September 2024, and in builds that kept it (ggml-org/llama.cpp#5700; `message` in 2023, `msg` since
 * 2024), and `--log-jsonl` (#28437 and #28586, 2026), whose lines of type `log` carry the text of the plain log. It says from where and how
 * it ended, neither who, nor which model, nor tokens. Times are whole seconds, of when the answer was complete.
 */
export const llamacpp: Adapter = {
  name: 'llamacpp',
  about: 'llama.cpp server JSON log, before September 2024 and --log-jsonl',
  basis: 'seen',
  example:
    '{"function":"log_server_request","level":"INFO","line":2794,"method":"POST","msg":"request","params":{},"path":"/v1/chat/completions","remote_addr":"192.0.2.7","remote_port":59414,"status":200,"tid":"5453","timestamp":1777593607}',
  fills: ['http_status', 'client_ip', 'endpoint'],
  recognizes(source) {
    if (source.has('function') && source.has('level') && source.has('timestamp'))
      return source.has('msg') || source.has('message');
    const type = source.get('type');
    if (type === 'log')
      return source.has('level') && textOf(source.get('message') ?? source.get('msg') ?? source.get('data'));
    return type === 'fit_memory_breakdown' && source.get('data') instanceof Map;
  },
  read(draft) {
    draft.set('event_type', 'access');
    const text = draft.peek('message') ?? draft.peek('msg') ?? draft.peek('data');
    const done = draft.peek('type') === 'log' && typeof text === 'string' ? requestDone(text) : undefined;
    if (done) for (const [name, value] of done) draft.source.set(name, value);
    // With --verbose the bodies come once more, in a line without a status.
    const isRequest = draft.peek('function') === 'log_server_request' && draft.peek('status') !== undefined;
    if (!done && !isRequest) return 'not_a_request';
    draft.time('timestamp', 'time', 'ts');
    draft.column('client_ip', 'remote_addr');
    draft.column('http_status', 'status');
    draft.column('endpoint', 'path');
    draft.ignoreValue('function', 'log_server_request');
    draft.ignoreValue('type', 'log');
    for (const name of ['msg', 'message']) draft.ignoreValue(name, 'request');
    if (done) draft.ignore('msg', 'message', 'data');
    draft.drop('params', 'request', 'response');
    draft.statusFromHttp();
    return undefined;
  },
};

const textOf = (value: JsonValue | undefined): boolean => typeof value === 'string';
