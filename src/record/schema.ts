/**
 * The audit schema, version 1 (SPEC 6): one flat row a record.
 *
 * This table is the only list of columns. The canonical line, the Parquet payload, the SQL that recomputes
 * lines, the coercion of input and the documentation are all made from it.
 */

export const SCHEMA_VERSION = 1;

/**
 * `int16|int32|int64`: integers n with abs(n) < 2^53; counts and durations (`min: 0`) are never negative.
 * `ts`: RFC 3339 UTC with six fraction digits. `uuid`: lower-case text, 16 bytes in Parquet.
 * `hash`: lower-case hex of 32 bytes. `json`: JSON text kept byte for byte.
 */
export type ColumnType = 'int16' | 'int32' | 'int64' | 'text' | 'bool' | 'ts' | 'uuid' | 'hash' | 'json';

export interface Column {
  readonly name: ColumnName;
  readonly type: ColumnType;
  /** Present in every record that isn't redacted. */
  readonly always?: true;
  /** Values are drawn from this list. */
  readonly oneOf?: readonly string[];
  readonly min?: 0 | 1;
  /** Never taken from input: the program alone says it. */
  readonly own?: true;
  readonly about: string;
}

/** A record in canonical form: exactly the values that stand in its canonical line, absent where unknown. */
export interface AuditRecord {
  v: number;
  event_id: string;
  event_type: string;
  ts: string;
  ts_quality: string;
  source_id: string;
  source_format: string;
  status: string;
  http_status?: number;
  error_type?: string;
  finish_reason?: string;
  request_id?: string;
  trace_id?: string;
  session_id?: string;
  user_id?: string;
  user_kind?: string;
  api_key_id?: string;
  client_ip?: string;
  user_agent?: string;
  operation?: string;
  endpoint?: string;
  model?: string;
  model_version?: string;
  model_requested?: string;
  provider?: string;
  prompt_hash?: string;
  completion_hash?: string;
  last_user_hash?: string;
  hash_alg?: string;
  prompt_chars?: number;
  completion_chars?: number;
  input_tokens?: number;
  output_tokens?: number;
  cached_tokens?: number;
  reasoning_tokens?: number;
  usage_source?: string;
  stream?: boolean;
  attempt?: number;
  latency_us?: number;
  ttft_us?: number;
  queue_us?: number;
  cost_microusd?: number;
  auth_method?: string;
  auth_result?: string;
  mfa?: boolean;
  labels?: string;
  extra?: string;
}

export type ColumnName = keyof AuditRecord;

export const EVENT_TYPES = ['inference', 'access', 'auth', 'admin'] as const;
export const STATUSES = ['ok', 'error', 'denied', 'refused', 'cancelled', 'unknown'] as const;
/** In SQL, over records: it was not served. A refusal is an answer, and who cancels was being served. */
export const FAILED = `status IN ('error', 'denied')`;

const TS_QUALITIES = ['exact', 'assumed_zone', 'coarse', 'ingest'] as const;
const USAGE_SOURCES = ['reported', 'summed', 'estimated'] as const;

/** In the order of the Parquet payload. */
export const COLUMNS: readonly Column[] = [
  { name: 'v', type: 'int16', always: true, own: true, about: 'schema version' },
  {
    name: 'event_id',
    type: 'uuid',
    always: true,
    own: true,
    about: 'identity of the record; commits to the raw line',
  },
  {
    name: 'event_type',
    type: 'text',
    always: true,
    oneOf: EVENT_TYPES,
    about: 'inference, access, auth, admin',
  },
  { name: 'ts', type: 'ts', always: true, about: 'start of the request' },
  {
    name: 'ts_quality',
    type: 'text',
    always: true,
    own: true,
    oneOf: TS_QUALITIES,
    about: 'exact, assumed_zone, coarse, ingest',
  },
  { name: 'source_id', type: 'text', always: true, own: true, about: 'which input' },
  { name: 'source_format', type: 'text', always: true, own: true, about: 'which adapter read it' },
  {
    name: 'status',
    type: 'text',
    always: true,
    oneOf: STATUSES,
    about: 'ok, error, denied, refused, cancelled, unknown',
  },
  { name: 'http_status', type: 'int32', min: 0, about: 'HTTP status code' },
  { name: 'error_type', type: 'text', about: 'low-cardinality error class' },
  { name: 'finish_reason', type: 'text', about: 'why generation stopped' },
  { name: 'request_id', type: 'text', about: 'as the source gave it' },
  { name: 'trace_id', type: 'text', about: 'as the source gave it' },
  { name: 'session_id', type: 'text', about: 'as the source gave it' },
  { name: 'user_id', type: 'text', about: 'who' },
  { name: 'user_kind', type: 'text', about: 'human, service, api_key, end_user, unknown' },
  { name: 'api_key_id', type: 'text', about: 'id or keyed hash of the key, never the key' },
  { name: 'client_ip', type: 'text', about: 'canonical IPv4 or IPv6' },
  { name: 'user_agent', type: 'text', about: 'as the source gave it' },
  { name: 'operation', type: 'text', about: 'chat, completion, embedding, ...' },
  { name: 'endpoint', type: 'text', about: 'path without query string' },
  { name: 'model', type: 'text', about: 'model that answered' },
  { name: 'model_version', type: 'text', about: 'tag, digest or fingerprint' },
  { name: 'model_requested', type: 'text', about: 'model that was asked for' },
  { name: 'provider', type: 'text', about: 'who serves the model' },
  { name: 'prompt_hash', type: 'hash', about: 'keyed hash of the whole prompt' },
  { name: 'completion_hash', type: 'hash', about: 'keyed hash of the completion' },
  { name: 'last_user_hash', type: 'hash', about: 'keyed hash of the last user message' },
  { name: 'hash_alg', type: 'text', own: true, about: 'how the hashes were made' },
  { name: 'prompt_chars', type: 'int64', min: 0, about: 'code points of the prompt' },
  { name: 'completion_chars', type: 'int64', min: 0, about: 'code points of the completion' },
  { name: 'input_tokens', type: 'int64', min: 0, about: 'cached tokens included' },
  { name: 'output_tokens', type: 'int64', min: 0, about: 'reasoning tokens included' },
  { name: 'cached_tokens', type: 'int64', min: 0, about: 'part of input_tokens' },
  { name: 'reasoning_tokens', type: 'int64', min: 0, about: 'part of output_tokens' },
  { name: 'usage_source', type: 'text', oneOf: USAGE_SOURCES, about: 'reported, summed, estimated' },
  { name: 'stream', type: 'bool', about: 'answered as a stream' },
  { name: 'attempt', type: 'int32', min: 1, about: '1 for the first try of a request' },
  { name: 'latency_us', type: 'int64', min: 0, about: 'whole request, microseconds' },
  { name: 'ttft_us', type: 'int64', min: 0, about: 'time to first token, streaming only, microseconds' },
  { name: 'queue_us', type: 'int64', min: 0, about: 'time waited before service, microseconds' },
  { name: 'cost_microusd', type: 'int64', min: 0, about: 'cost, millionths of a US dollar' },
  { name: 'auth_method', type: 'text', about: 'how the caller authenticated' },
  { name: 'auth_result', type: 'text', about: 'success, failure, ...' },
  { name: 'mfa', type: 'bool', about: 'a second factor was used' },
  { name: 'labels', type: 'json', about: 'allow-listed string pairs, as JSON text' },
  { name: 'extra', type: 'json', about: 'unmapped fields, as JSON text, at most 4 KB' },
];

/** What the view `records` has for people beside these: times in milliseconds, and all tokens of a request. */
export const DERIVED = ['latency_ms', 'ttft_ms', 'queue_ms', 'total_tokens'] as const;

/** Names of the view `records`, in its order. `seq`: the place of a record in the log. */
export const VIEW_NAMES: readonly string[] = ['seq', ...COLUMNS.map(c => c.name), ...DERIVED];

/** Set only on a redacted row, where all else is NULL; a column of the payload, not of the record (SPEC 6). */
export const REDACTED_LEAF = 'redacted_leaf';

const BY_NAME: ReadonlyMap<string, Column> = new Map(COLUMNS.map(c => [c.name, c]));

export function columnOf(name: string): Column | undefined {
  return BY_NAME.get(name);
}
