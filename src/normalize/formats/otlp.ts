import { JsonNumber, type JsonObject, type JsonValue } from '../../record/json.ts';
import type { Adapter } from '../adapter.ts';
import type { Draft } from '../draft.ts';
import { OWN_FILLS, readOwn } from './own.ts';
import { unflatten } from './paths.ts';

const OPERATIONS: ReadonlyMap<unknown, string> = new Map([
  ['chat', 'chat'],
  ['generate_content', 'chat'],
  ['responses', 'chat'],
  ['text_completion', 'completion'],
  ['completion', 'completion'],
  ['embeddings', 'embedding'],
  ['embedding', 'embedding'],
  ['rerank', 'rerank'],
]);
const EVENT = 'gen_ai.client.inference.operation.details';

/**
 * OTLP-JSON of spans and log records with GenAI attributes (opentelemetry-proto 1.x; semantic-conventions up to v1.41, and semantic-conventions-genai),
 * in all four generations of names: OpenLLMetry's `llm.*` and `gen_ai.prompt.N`, `gen_ai.system` with `prompt_tokens` (vLLM still), `input_tokens` since
 * 1.27, `provider.name` and dotted details since 1.37. A line holds many spans: those of a model call are requests; agents, tools and
 * workers are not, and their sums would count twice. Log records that `export --as otel` wrote are read back, whatever they tell of. Times are nanoseconds in text, latencies of attributes seconds.
 */
export const otlp: Adapter = {
  name: 'otlp',
  about: 'OTLP-JSON spans and logs with GenAI attributes',
  basis: 'seen',
  example:
    '{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"gw"}}]},"scopeSpans":[{"spans":[{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","name":"chat qwen3","startTimeUnixNano":"1777593607603000000","endTimeUnixNano":"1777593608115000000","attributes":[{"key":"gen_ai.operation.name","value":{"stringValue":"chat"}},{"key":"gen_ai.request.model","value":{"stringValue":"small"}},{"key":"gen_ai.usage.input_tokens","value":{"intValue":"26"}}]}]}]}]}',
  fills: OWN_FILLS,
  recognizes: source =>
    Array.isArray(source.get('resourceSpans')) || Array.isArray(source.get('resourceLogs')),
  split: source => [
    ...itemsOf(source, 'resourceSpans', 'scopeSpans', 'spans'),
    ...itemsOf(source, 'resourceLogs', 'scopeLogs', 'logRecords'),
  ],
  read(draft) {
    if (!isModelCall(draft)) return 'not_a_request';
    readTimes(draft);
    readWho(draft);
    readModel(draft);
    readContent(draft);
    readOwn(draft, 'slmaudit');
    draft.column('trace_id', 'traceId');
    draft.column('http_status', 'http.response.status_code', 'http.status_code');
    draft.column('error_type', 'error.type');
    if (draft.record.status === undefined) readStatus(draft);
    draft.drop('events', 'links', 'body');
    draft.ignore('flags', 'droppedAttributesCount', 'droppedEventsCount', 'droppedLinksCount');
    return undefined;
  },
};

/** Spans or log records, with their attributes as members and those of their resource and scope. */
function itemsOf(source: JsonObject, resources: string, scopes: string, items: string): JsonValue[] {
  return objects(source.get(resources)).flatMap(resource =>
    objects(resource.get(scopes)).flatMap(scope => {
      const list = scope.get(items);
      if (!Array.isArray(list)) return [];
      return list.map(item =>
        item instanceof Map ? itemOf(item, resource.get('resource'), scope.get('scope')) : item,
      );
    }),
  );
}

function itemOf(item: JsonObject, resource: JsonValue | undefined, scope: JsonValue | undefined): JsonObject {
  const one: JsonObject = new Map(item);
  if (Array.isArray(item.get('attributes'))) one.delete('attributes');
  for (const [name, value] of attributes(item.get('attributes'))) if (!one.has(name)) one.set(name, value);
  const given = resource instanceof Map ? resource.get('attributes') : resource;
  if (given !== undefined) one.set('resource', Array.isArray(given) ? attributes(given) : given);
  if (scope !== undefined) one.set('scope', scope instanceof Map ? new Map(scope) : scope);
  unflatten(one);
  return one;
}

const objects = (value: JsonValue | undefined): JsonObject[] =>
  Array.isArray(value) ? value.filter((v): v is JsonObject => v instanceof Map) : [];

function attributes(list: JsonValue | undefined): JsonObject {
  const all: JsonObject = new Map();
  const odd: JsonValue[] = [];
  for (const attribute of Array.isArray(list) ? list : []) {
    const key = attribute instanceof Map ? attribute.get('key') : undefined;
    if (attribute instanceof Map && typeof key === 'string')
      all.set(key, plain(attribute.get('value') ?? null));
    else odd.push(attribute);
  }
  if (odd.length > 0) all.set('odd_attributes', odd);
  return all;
}

/** The value of an AnyValue; 64-bit integers are text there and keep their digits. */
function plain(value: JsonValue): JsonValue {
  if (!(value instanceof Map)) return value;
  const integer = value.get('intValue');
  // Protobuf's JSON writes 64-bit integers as strings; any other string is none.
  if (typeof integer === 'string')
    return /^-?(?:0|[1-9]\d{0,18})$/.test(integer) ? new JsonNumber(integer) : integer;
  const list = value.get('arrayValue');
  if (list instanceof Map) return items(list).map(plain);
  const pairs = value.get('kvlistValue');
  if (pairs instanceof Map) return attributes(pairs.get('values'));
  for (const name of ['stringValue', 'boolValue', 'doubleValue', 'intValue', 'bytesValue'])
    if (value.has(name)) return value.get(name)!;
  return value;
}

const items = (list: JsonObject): readonly JsonValue[] => {
  const values = list.get('values');
  return Array.isArray(values) ? values : [];
};

function isModelCall(draft: Draft): boolean {
  const event = draft.peek('eventName') ?? draft.peek('event.name');
  if (draft.peek('startTimeUnixNano') === undefined)
    return event === EVENT || (typeof event === 'string' && event.startsWith('slmaudit.'));
  const operation = draft.peek('gen_ai.operation.name') ?? draft.peek('llm.request.type');
  if (operation !== undefined) return OPERATIONS.has(operation);
  // vLLM names its one span of a request so, and no operation.
  if (draft.peek('name') === 'llm_request') return true;
  return ['gen_ai.request.model', 'gen_ai.response.model', 'gen_ai.usage'].some(
    p => draft.peek(p) !== undefined,
  );
}

function readTimes(draft: Draft): void {
  draft.set('latency_us', draft.between('startTimeUnixNano', 'endTimeUnixNano'));
  if (draft.record.latency_us !== undefined) draft.ignore('endTimeUnixNano');
  draft.duration('latency_us', 1_000_000, 'gen_ai.latency.e2e');
  draft.duration('queue_us', 1_000_000, 'gen_ai.latency.time_in_queue');
  draft.time('startTimeUnixNano', 'timeUnixNano', 'observedTimeUnixNano');
  draft.column('stream', 'gen_ai.request.stream', 'llm.is_streaming', 'gen_ai.is_streaming');
  // There is a first chunk of a stream only; time_to_first_token is said of any answer.
  draft.duration('ttft_us', 1_000_000, 'gen_ai.response.time_to_first_chunk');
  if (draft.record.stream === true)
    draft.duration('ttft_us', 1_000_000, 'gen_ai.latency.time_to_first_token');
}

function readWho(draft: Draft): void {
  draft.column(
    'user_id',
    'enduser.id',
    'user.id',
    'enduser.pseudo.id',
    'gen_ai.user',
    'llm.user',
    'traceloop.association.properties.user_id',
  );
  draft.column(
    'session_id',
    'gen_ai.conversation.id',
    'session.id',
    'traceloop.association.properties.session_id',
  );
  draft.column('client_ip', 'client.address', 'http.client_ip');
  draft.column('user_agent', 'user_agent.original', 'http.user_agent');
  draft.column('endpoint', 'url.path', 'http.route', 'http.target');
}

function readModel(draft: Draft): void {
  const operation = draft.peek('gen_ai.operation.name') ?? draft.peek('llm.request.type');
  draft.set('operation', OPERATIONS.get(operation));
  if (draft.record.operation === operation) draft.ignore('gen_ai.operation.name', 'llm.request.type');
  draft.column('request_id', 'gen_ai.response.id', 'gen_ai.request.id');
  draft.column('model', 'gen_ai.response.model', 'llm.response.model');
  draft.column('model_requested', 'gen_ai.request.model', 'llm.request.model');
  draft.column('provider', 'gen_ai.provider.name', 'gen_ai.system', 'llm.vendor');
  const usage = 'gen_ai.usage';
  draft.column('input_tokens', `${usage}.input_tokens`, `${usage}.prompt_tokens`, 'llm.usage.prompt_tokens');
  draft.column(
    'output_tokens',
    `${usage}.output_tokens`,
    `${usage}.completion_tokens`,
    'llm.usage.completion_tokens',
  );
  draft.column('cached_tokens', `${usage}.cache_read.input_tokens`, `${usage}.cache_read_input_tokens`);
  draft.column('reasoning_tokens', `${usage}.reasoning.output_tokens`, `${usage}.reasoning_tokens`);
  const { input_tokens: input = 0, output_tokens: output = 0 } = draft.record;
  for (const path of [`${usage}.total_tokens`, 'llm.usage.total_tokens']) {
    const total = draft.peek(path);
    if (total instanceof JsonNumber && total.text === String(input + output)) draft.ignore(path);
  }
  const reasons = draft.peek('gen_ai.response.finish_reasons');
  const first = Array.isArray(reasons) ? reasons[0] : reasons;
  if (typeof first === 'string' && draft.constant('finish_reason', first))
    draft.ignore('gen_ai.response.finish_reasons');
}

function readContent(draft: Draft): void {
  for (const path of [
    'gen_ai.input.messages',
    'gen_ai.output.messages',
    'gen_ai.system_instructions',
    'gen_ai.prompt',
    'gen_ai.completion',
  ]) {
    const value = draft.peek(path);
    // OpenLLMetry numbers its messages: gen_ai.prompt.0.content.
    if (value instanceof Map) draft.replace(path, numbered(value));
    draft.unfold(path);
    const whole = draft.peek(path);
    if (Array.isArray(whole)) draft.replace(path, whole.map(asMessage));
  }
  draft.promptWithSystem('gen_ai.input.messages', 'gen_ai.system_instructions');
  draft.prompt('gen_ai.prompt');
  draft.completion('gen_ai.output.messages', 'gen_ai.completion');
  draft.drop('gen_ai.input', 'gen_ai.output', 'gen_ai.system_instructions', 'gen_ai.tool');
}

const numbered = (messages: JsonObject): JsonValue[] =>
  [...messages].sort(([a], [b]) => Number(a) - Number(b)).map(([, message]) => message);

/** `{role, parts: [{type: text, content}]}` as the other formats have it. */
function asMessage(value: JsonValue): JsonValue {
  if (!(value instanceof Map)) return value;
  if (value.get('type') === 'text' && value.has('content')) return textPart(value);
  const parts = value.get('parts');
  if (!Array.isArray(parts)) return value;
  return new Map<string, JsonValue>([
    ['role', value.get('role') ?? 'user'],
    [
      'content',
      parts.map(p => (p instanceof Map && p.get('type') === 'text' && p.has('content') ? textPart(p) : p)),
    ],
  ]);
}

const textPart = (part: JsonObject): JsonValue =>
  new Map<string, JsonValue>([
    ['type', 'text'],
    ['text', part.get('content') ?? null],
  ]);

function readStatus(draft: Draft): void {
  const code = draft.peek('status.code');
  const failed = code === 2 || code === 'STATUS_CODE_ERROR';
  draft.statusFromHttp();
  if (draft.record.finish_reason === 'content_filter') draft.set('status', 'refused');
  else if (failed || draft.record.error_type !== undefined) {
    if ((draft.record.status ?? 'ok') === 'ok') draft.set('status', 'error');
  } else draft.set('status', draft.record.status ?? 'ok');
  if (failed || code === 0 || code === 1) draft.ignore('status.code');
  draft.drop('status.message');
}
