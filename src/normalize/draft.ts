import type { Mac } from '../keys/hash.ts';
import { canonicalAddress } from '../record/address.ts';
import { formatJson, JsonNumber, type JsonObject, type JsonValue, parseJson } from '../record/json.ts';
import { type AuditRecord, type Column, type ColumnName, columnOf } from '../record/schema.ts';
import { readDuration } from '../record/duration.ts';
import { microsOf, type ReadTime, readTime, type TimeReading, tsOfMicros } from '../record/time.ts';
import {
  type ContentHash,
  completionMessages,
  contentHash,
  contentOf,
  hashContent,
  lastUser,
  promptMessages,
} from './content.ts';
import { extraOf, MAX_EXTRA_BYTES, ordinaryPrivacy, type Privacy, Sieve } from './extra.ts';
import { hashedIdentity, isHashed } from './identity.ts';
import { holderOf, pathOf } from './path.ts';
import type { Removed } from './secrets.ts';
import type { Wrapping } from './wrapper.ts';

/** UTF-16 units of a text column; longer text goes to `extra`. */
const MAX_TEXT = 2048;
/** The largest value of a column of this type. */
export const LIMITS: Readonly<Record<'int16' | 'int32' | 'int64', number>> = {
  int16: 32_767,
  int32: 2_147_483_647,
  int64: Number.MAX_SAFE_INTEGER,
};

export interface RecordKeyed {
  /** HMAC under the record key. */
  readonly mac: Mac;
  /** `hmac-sha256:<record key id>:c1` */
  readonly hashAlg: string;
  /** What a time without a zone or a year is taken for. */
  readonly times?: TimeReading;
  /** Without it, secrets go and identities stay. */
  readonly privacy?: Privacy;
}

/**
 * One record in the making. An adapter takes members of the source's object into columns; a value that can't be
 * read as its column's type stays where it is; what stays goes to `extra`. Paths are dotted: `usage.prompt_tokens`.
 */
export class Draft {
  readonly record: Partial<AuditRecord> = {};
  readonly source: JsonObject;
  /** What carried the line, if something did. */
  readonly wrapping: Wrapping | undefined;
  readonly #keyed: RecordKeyed;
  readonly #sieve: Sieve;

  constructor(source: JsonObject, keyed: RecordKeyed, wrapping?: Wrapping) {
    this.source = source;
    this.#sieve = new Sieve(keyed.privacy ?? ordinaryPrivacy);
    this.#keyed = keyed;
    this.wrapping = wrapping;
  }

  peek(path: string): JsonValue | undefined {
    const { above, name } = pathOf(path);
    return holderOf(this.source, above)?.get(name);
  }

  /** Removes a member; what an adapter takes it answers for. */
  take(path: string): JsonValue | undefined {
    const { above, name } = pathOf(path);
    const holder = holderOf(this.source, above);
    const value = holder?.get(name);
    if (value !== undefined) holder?.delete(name);
    return value;
  }

  /** Members that hold nothing to keep, such as sums of others. */
  ignore(...paths: readonly string[]): void {
    for (const path of paths) this.take(path);
  }

  /** A member that says nothing where it holds one of these values; any other stays. */
  ignoreValue(path: string, ...values: readonly JsonValue[]): void {
    if (values.includes(this.peek(path) ?? null)) this.take(path);
  }

  /** A number that says nothing new. */
  ignoreNumber(path: string): void {
    const value = this.peek(path);
    if (typeof value === 'number' || value instanceof JsonNumber) this.take(path);
  }

  /** Members that may hold content or secrets: gone, and counted. */
  drop(...paths: readonly string[]): void {
    for (const path of paths) {
      const value = this.take(path);
      if (value !== undefined && value !== null && value !== '') this.#sieve.drop();
    }
  }

  set<C extends ColumnName>(column: C, value: AuditRecord[C] | undefined): void {
    if (value !== undefined && value !== '')
      this.#put(column, typeof value === 'string' ? value.toWellFormed() : value);
  }

  /** A value that no member has; false if it is none of the column's. */
  constant(column: ColumnName, value: JsonValue): boolean {
    return this.#put(column, value);
  }

  /** Members that hold JSON as text become what it says; text that can't be read so may hold anything and goes. */
  unfold(...paths: readonly string[]): void {
    for (const path of paths) {
      const value = this.peek(path);
      if (typeof value !== 'string') continue;
      const whole = unfolded(value);
      if (typeof whole === 'string') this.drop(path);
      else this.replace(path, whole);
    }
  }

  /** Puts another value in a member's place. */
  replace(path: string, value: JsonValue): void {
    const { above, name } = pathOf(path);
    holderOf(this.source, above)?.set(name, value);
  }

  /** The first of the members that can be read as the column's type. */
  column(column: ColumnName, ...paths: readonly string[]): void {
    for (const path of paths) {
      const { above, name } = pathOf(path);
      const holder = holderOf(this.source, above);
      const found = holder?.get(name);
      if (found === undefined) continue;
      if (found === null || found === '') {
        holder!.delete(name);
        continue;
      }
      if (this.record[column] !== undefined) return;
      if (this.#put(column, found)) holder!.delete(name);
    }
  }

  /** The start of the request, in any form of readTime: the first of the members that is one. */
  time(...paths: readonly string[]): void {
    for (const path of paths) {
      if (this.record.ts !== undefined) return;
      const read = this.readTime(path);
      if (!read) continue;
      this.take(path);
      this.#timed(read);
    }
  }

  /**
   * A time that was written when the request was over: it began its latency earlier, so `latency_us` must have been
   * taken before. A time of whole seconds moves by whole seconds.
   */
  endTime(...paths: readonly string[]): void {
    this.time(...paths);
    const { ts, ts_quality: quality, latency_us: latency } = this.record;
    if (ts === undefined || latency === undefined || latency === 0) return;
    const micros =
      quality === 'coarse' || ts.endsWith('.000000Z') ? latency - (latency % 1_000_000) : latency;
    const began = tsOfMicros(microsOf(ts) - micros);
    if (began === undefined || micros === 0) return;
    this.record.ts = began;
    if (!this.source.has('ts_raw')) this.source.set('ts_raw', ts);
  }

  /** The time that a member states, not taken. */
  readTime(path: string): ReadTime | undefined {
    return readTime(this.peek(path), this.#keyed.times);
  }

  /** What carried the line says when, where the line itself does not, and on which host. */
  fromCarrier(): void {
    const { wrapping, record, source } = this;
    if (!wrapping) return;
    const read = record.ts === undefined ? readTime(wrapping.time, this.#keyed.times) : undefined;
    if (read) this.#timed(read);
    for (const name of ['host', 'tag'] as const) {
      const value = wrapping[name];
      if (value !== undefined && !source.has(name)) source.set(name, value);
    }
  }

  #timed(read: ReadTime): void {
    this.record.ts = read.ts;
    this.record.ts_quality = read.quality;
    if (read.raw !== undefined && !this.source.has('ts_raw')) this.source.set('ts_raw', read.raw);
  }

  /** The span between two members that are times; both stay, since a time may be wanted too. Undefined if it is none. */
  between(from: string, to: string): number | undefined {
    const [start, end] = [this.readTime(from), this.readTime(to)];
    if (!start || !end) return undefined;
    const micros = microsOf(end.ts) - microsOf(start.ts);
    return micros >= 0 ? micros : undefined;
  }

  /** A span in `unit` microseconds, or as text with its own unit (`1.23s`, `45.6ms`, `1m2.5s`). */
  duration(column: 'latency_us' | 'ttft_us' | 'queue_us', unit: number, ...paths: readonly string[]): void {
    for (const path of paths) {
      const micros = readDuration(this.peek(path) ?? undefined, unit);
      if (micros === undefined || this.record[column] !== undefined) continue;
      this.take(path);
      this.record[column] = micros;
    }
  }

  /** US dollars, as a number or its text. */
  cost(...paths: readonly string[]): void {
    for (const path of paths) {
      const value = this.peek(path);
      const text = value instanceof JsonNumber ? value.text : value;
      const dollars =
        typeof text === 'number' ? text : typeof text === 'string' && text !== '' ? Number(text) : NaN;
      const micros = Math.round(dollars * 1e6);
      if (!(micros >= 0) || !Number.isSafeInteger(micros)) continue;
      this.take(path);
      this.record.cost_microusd ??= micros;
    }
  }

  /** The id of a key: the key itself is never kept, its keyed hash is. */
  apiKey(path: string): void {
    const key = this.take(path);
    if (typeof key !== 'string' || key === '' || this.record.api_key_id !== undefined) return;
    this.record.api_key_id = hashedIdentity(this.#keyed.mac, 'api_key', key);
  }

  /** Hashes a prompt whose system text stands beside its messages, as if it were the first of them; drops both. */
  promptWithSystem(messages: string, system: string): void {
    const list = this.peek(messages);
    const text = this.take(system);
    if (Array.isArray(list) && text !== undefined && text !== null) {
      const first: JsonObject = new Map<string, JsonValue>([
        ['role', 'system'],
        ['content', text],
      ]);
      this.replace(messages, [first, ...list]);
    }
    this.prompt(messages);
  }

  /** Hashes a prompt and drops it. */
  prompt(...paths: readonly string[]): void {
    for (const path of paths) {
      const value = this.take(path);
      const messages = value === undefined ? undefined : promptMessages(value);
      if (!messages || this.record.prompt_hash !== undefined) continue;
      const { mac } = this.#keyed;
      const content = contentOf(messages);
      this.#hashed('prompt', content && { hash: contentHash(mac, 'prompt', content), chars: content.chars });
      const last = lastUser(messages);
      // Of one message the last is all.
      const said = last && (messages.length === 1 ? content : contentOf([last]));
      if (said) this.record.last_user_hash = contentHash(mac, 'last_user', said);
    }
  }

  /** Hashes a completion and drops it. */
  completion(...paths: readonly string[]): void {
    for (const path of paths) {
      const value = this.take(path);
      const messages = value === undefined ? undefined : completionMessages(value);
      if (!messages || this.record.completion_hash !== undefined) continue;
      this.#hashed('completion', hashContent(this.#keyed.mac, 'completion', messages));
    }
  }

  #hashed(kind: 'prompt' | 'completion', made: ContentHash | undefined): void {
    if (!made) return;
    this.record[`${kind}_hash`] = made.hash;
    this.record[`${kind}_chars`] ??= made.chars;
    this.record.hash_alg = this.#keyed.hashAlg;
  }

  /** Status from an HTTP status code, where nothing said it better. */
  statusFromHttp(): void {
    const code = this.record.http_status;
    if (code === undefined || this.record.status !== undefined) return;
    if (code === 401 || code === 403) this.record.status = 'denied';
    else if (code === 499) this.record.status = 'cancelled';
    else if (code >= 100) this.record.status = code >= 400 ? 'error' : 'ok';
  }

  /** Puts what is left into `extra`, and says which secrets the whole line held. */
  finish(): Removed {
    const extra = extraOf(this.source, this.#sieve);
    if (extra !== undefined) this.record.extra = extra;
    return this.#sieve.removed;
  }

  #put(column: ColumnName, value: JsonValue): boolean {
    const about = columnOf(column)!;
    let read = column === 'labels' ? this.#labels(value) : readAs(about, value);
    if (read === undefined) return false;
    if (typeof read === 'string') {
      if (this.#keyed.privacy?.hashIdentities === true && (column === 'user_id' || column === 'client_ip'))
        read = hashedIdentity(this.#keyed.mac, column, read);
      else if (!this.#isSafe(about, read)) return true;
    }
    (this.record as Record<string, string | number | boolean>)[column] = read;
    return true;
  }

  #isSafe({ name, oneOf }: Column, text: string): boolean {
    if (oneOf || name === 'client_ip' || name === 'labels') return true;
    // An e-mail address may be who it was: --hash-identities is for that.
    return this.#sieve.keepsText(text, name === 'user_id' ? 'email' : undefined);
  }

  /** An object of strings, or JSON text that holds one, as JSON text. */
  #labels(value: JsonValue): string | undefined {
    const object = unfolded(value);
    if (!(object instanceof Map) || object.size === 0) return undefined;
    const text = typeof value === 'string' ? value : formatJson(object);
    // What is wrong with one of them is counted where they go instead: in `extra`.
    const trial = new Sieve(this.#keyed.privacy ?? ordinaryPrivacy);
    const pairs = [...object].every(
      ([name, v]) =>
        typeof v === 'string' && v.length <= 256 && trial.keepsMember(name, v) && trial.keepsString(v),
    );
    return pairs && Buffer.byteLength(text) <= MAX_EXTRA_BYTES ? text : undefined;
  }
}

/** Error classes and finish reasons are words of a program: anything longer is somebody's text. */
const LABEL = /^[\w.:/ -]{1,100}$/;

/** The value of a column's type that a JSON value states; undefined where it states none. */
function readAs(column: Column, value: JsonValue): string | number | boolean | undefined {
  const { name } = column;
  switch (column.type) {
    case 'text': {
      const text =
        typeof value === 'number' ? String(value) : value instanceof JsonNumber ? value.text : value;
      if (typeof text !== 'string' || text.length > MAX_TEXT) return undefined;
      if (name === 'client_ip') return isHashed(text) ? text : canonicalAddress(text);
      if (name === 'error_type' || name === 'finish_reason') return LABEL.test(text) ? text : undefined;
      if (name === 'endpoint') return /[?#]/.test(text) ? text.replace(/[?#].*$/s, '') || undefined : text;
      return column.oneOf && !column.oneOf.includes(text) ? undefined : text;
    }
    case 'int16':
    case 'int32':
    case 'int64': {
      const n =
        typeof value === 'string' && /^(?:0|-?[1-9]\d{0,15})$/.test(value) ? Number(value) : wholeOf(value);
      if (typeof n !== 'number' || Math.abs(n) > LIMITS[column.type]) return undefined;
      return column.min !== undefined && n < column.min ? undefined : n;
    }
    case 'bool':
      if (value === 'true' || value === 'false') return value === 'true';
      return typeof value === 'boolean' ? value : undefined;
    case 'hash':
      return typeof value === 'string' && /^[0-9a-fA-F]{64}$/.test(value) ? value.toLowerCase() : undefined;
    default:
      return undefined;
  }
}

/** `12`, `12.0`, and integers of 16 digits below 2^53. */
function wholeOf(value: JsonValue): number | undefined {
  if (typeof value === 'number') return value;
  if (!(value instanceof JsonNumber) || !/^-?\d{1,16}(?:\.0+)?$/.test(value.text)) return undefined;
  const n = Number(value.text);
  return Object.is(n, -0) ? 0 : n;
}

/** JSON in a string, as LiteLLM's spend logs and our own exports have it. */
export function unfolded(value: JsonValue): JsonValue {
  if (typeof value !== 'string' || !/^\s*[[{]/.test(value)) return value;
  try {
    return parseJson(value);
  } catch {
    return value;
  }
}
