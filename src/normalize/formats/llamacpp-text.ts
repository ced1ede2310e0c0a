import type { JsonObject, JsonValue } from '../../record/json.ts';
import type { Adapter } from '../adapter.ts';
import type { Draft } from '../draft.ts';

/** `--log-timestamps` and `--log-prefix`: minutes, seconds, milli- and microseconds since the process began, and a level. */
const PREFIX = '^(?:\\[\\d{1,7}\\] )?(?:\\d{1,9}\\.\\d\\d\\.\\d{3}\\.\\d{3} )?(?:[A-Z] )?';
const DONE = new RegExp(
  `${PREFIX}srv +log_server_r\\w*: (?:done )?request: ([A-Z]{1,16}) (\\S{1,2048}) (\\S{1,64}) (\\d{3})\\s*$`,
);
const SLOT = new RegExp(`${PREFIX}slot +print_timing: id +(\\d{1,6}) \\| task (-?\\d{1,18}) \\|`);
const TIMING = new RegExp(
  `${PREFIX} *(prompt eval|eval|total) time = +([\\d.]{1,20}) ms / +(\\d{1,15}) (?:tokens|runs)`,
);
const NOISE = new RegExp(
  `${PREFIX}(?:srv|slot|que|res) +\\w+: |${PREFIX}(?:main|build|system_info|print_info|load|load_\\w+|llama_\\w+|ggml_\\w+|common_\\w+|clip_\\w+|set_\\w+|graph_\\w+|init_\\w+|create_\\w+|done_getting_tensors|server|lamda|~?llama_context|sched_\\w+):`,
);

/**
 * Lines of llama.cpp's server (ggml-org/llama.cpp, tools/server/server-http.cpp and server-context.cpp, 2025 and 2026). A request that
 * is done says from where and its status; the timings of a slot, three lines in one piece, say tokens and time of a task, and
 * nothing says which request a task was: each is a record, and the view `requests` brings them together. What was evaluated of
 * the prompt is without what was cached, so it is no input_tokens. Times are those of what carries the line.
 */
export const llamacppText: Adapter = {
  name: 'llamacpp-text',
  about: 'llama.cpp server log lines',
  basis: 'documented',
  example:
    '2026-05-01T00:00:07.603Z stderr F srv  log_server_r: done request: POST /v1/chat/completions 192.0.2.7 200',
  fills: ['http_status', 'client_ip', 'endpoint', 'output_tokens', 'latency_us'],
  fields(text) {
    const done = requestDone(text);
    if (done) return done;
    const timing = TIMING.exec(text);
    if (timing) return members({ timing: timing[1]!, ms: timing[2]!, n: timing[3]! });
    const slot = SLOT.exec(text);
    if (slot) return members({ timing: 'slot', slot: slot[1]!, task: slot[2]! });
    return NOISE.test(text) ? 'not_a_request' : undefined;
  },
  parts: {
    of(source) {
      const timing = source.get('timing');
      if (timing === undefined) return undefined;
      return { key: 'timing', state: timing === 'total' ? 'last' : 'open' };
    },
    fold(gathered, part) {
      const said = part.get('timing');
      const timing = said === 'prompt eval' ? 'prefill' : said === 'eval' || said === 'total' ? said : 'slot';
      // The first line of a piece: whatever was left of another one is not this one's.
      const all: JsonObject = gathered && timing !== 'slot' ? gathered : new Map([['timing', 'all']]);
      for (const [name, value] of part)
        if (name !== 'timing') all.set(timing === 'slot' ? name : `${timing}_${name}`, value);
      return all;
    },
  },
  read(draft) {
    if (draft.peek('timing') === undefined) readDone(draft);
    else readTimings(draft);
  },
};

/** The members of a line that says a request is done. */
export function requestDone(text: string): JsonObject | undefined {
  const m = DONE.exec(text);
  return m ? members({ method: m[1]!, path: m[2]!, remote_addr: m[3]!, status: m[4]! }) : undefined;
}

const members = (pairs: Record<string, string>): JsonObject =>
  new Map<string, JsonValue>(Object.entries(pairs));

function readDone(draft: Draft): void {
  draft.set('event_type', 'access');
  draft.column('client_ip', 'remote_addr');
  draft.column('http_status', 'status');
  draft.column('endpoint', 'path');
  draft.statusFromHttp();
}

function readTimings(draft: Draft): void {
  draft.duration('latency_us', 1000, 'total_ms');
  draft.endTimeOfCarrier();
  draft.column('output_tokens', 'eval_n');
  draft.set('status', 'ok');
  draft.ignoreValue('timing', 'all');
}
