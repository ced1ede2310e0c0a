import { isUtf8 } from 'node:buffer';
import { AuditError } from '../errors.ts';
import { JsonError, type JsonFault, type JsonObject, type JsonValue, parseJson } from '../record/json.ts';
import { type AuditRecord, SCHEMA_VERSION } from '../record/schema.ts';
import { readTime } from '../record/time.ts';
import type { Adapter } from './adapter.ts';
import { Draft, type RecordKeyed } from './draft.ts';
import { FORMATS } from './formats.ts';

/** Why a line could not become a record; these words stand in quarantine and in messages. */
export type RejectReason =
  | JsonFault
  | 'not_utf8'
  | 'raw_nul'
  | 'not_object'
  | 'no_time'
  | 'unknown_format'
  | 'too_long'
  | 'unterminated'
  | 'unreadable';

export type Outcome =
  | { readonly records: readonly AuditRecord[] }
  | { readonly reject: RejectReason }
  | { readonly skip: 'blank' | 'not_a_request' };

export interface NormalizerOptions extends RecordKeyed {
  readonly sourceId: string;
  /** Identity of the file, or id of the run for a pipe: part of every event id. */
  readonly stream: string;
  /** Name of a format; told from each line if not given. */
  readonly format?: string;
}

export interface Normalizer {
  /** `raw` without its line feed; `offset` where it begins in its source, bytes. */
  line(raw: Buffer, offset: number): Outcome;
}

const BLANK: Outcome = { skip: 'blank' };
const NOT_A_REQUEST: Outcome = { skip: 'not_a_request' };

/** Throws UNKNOWN_FORMAT for a format that isn't there. */
export function createNormalizer(options: NormalizerOptions): Normalizer {
  const formats = options.format === undefined ? FORMATS : [formatNamed(options.format)];
  const eventId = eventIds(options);
  const read = (raw: Buffer, offset: number): Outcome => {
    const text = textOf(raw, offset);
    if (typeof text !== 'string') return text;
    let value: JsonValue;
    try {
      value = parseJson(text);
    } catch (error) {
      if (error instanceof JsonError) return { reject: error.reason };
      throw error;
    }
    if (!(value instanceof Map)) return { reject: 'not_object' };
    const source = value;
    const adapter = options.format === undefined ? formats.find(f => f.recognizes(source)) : formats[0];
    if (!adapter) return { reject: hasTime(source) ? 'unknown_format' : 'no_time' };
    const record = normalized(adapter, source, options);
    if (record === 'not_a_request') return NOT_A_REQUEST;
    if (!record) return { reject: 'no_time' };
    record.event_id = eventId(offset, 0, raw);
    return { records: [record] };
  };
  return {
    line(raw, offset) {
      try {
        return read(raw, offset);
      } catch {
        // A line that an adapter fails on must not stop the rest: it is kept, and its reason is that.
        return { reject: 'unreadable' };
      }
    },
  };
}

/** The line as text, or what became of it. */
function textOf(raw: Buffer, offset: number): string | Outcome {
  if (!isUtf8(raw)) return { reject: 'not_utf8' };
  const text = raw.toString('utf8', offset === 0 && hasBom(raw) ? 3 : 0);
  if (text.trim() === '') return BLANK;
  // A NUL inside a JSON string is refused by the parser too; this names it.
  return raw.includes(0) ? { reject: 'raw_nul' } : text;
}

const hasBom = (raw: Buffer): boolean => raw[0] === 0xef && raw[1] === 0xbb && raw[2] === 0xbf;

/** Does the line state any time? Then it is its format that isn't known. */
function hasTime(source: JsonObject, depth = 0): boolean {
  for (const value of source.values()) {
    if (value instanceof Map ? depth < 2 && hasTime(value, depth + 1) : readTime(value) !== undefined)
      return true;
  }
  return false;
}

function normalized(
  adapter: Adapter,
  source: JsonObject,
  options: NormalizerOptions,
): AuditRecord | 'not_a_request' | undefined {
  const draft = new Draft(source, options);
  if (adapter.read(draft) === 'not_a_request') return 'not_a_request';
  draft.finish();
  const { record } = draft;
  if (record.ts === undefined) return undefined;
  if (record.input_tokens !== undefined || record.output_tokens !== undefined)
    record.usage_source ??= 'reported';
  return Object.assign(record, {
    v: SCHEMA_VERSION,
    event_id: '',
    event_type: record.event_type ?? 'inference',
    ts: record.ts,
    ts_quality: record.ts_quality ?? 'exact',
    source_id: options.sourceId,
    source_format: adapter.name,
    status: record.status ?? 'unknown',
  });
}

/**
 * event_id (SPEC 7): UUIDv8 of HMAC-SHA-256 under the record key over
 *
 *     "slmaudit/event/v1\0" ‖ u32 length ‖ source ‖ u32 length ‖ stream ‖ u64 offset ‖ u32 k ‖ raw line
 *
 * k counts the records of one line.
 */
function eventIds({
  mac,
  sourceId,
  stream,
}: NormalizerOptions): (offset: number, k: number, raw: Buffer) => string {
  const head = Buffer.concat([Buffer.from('slmaudit/event/v1\0'), prefixed(sourceId), prefixed(stream)]);
  const place = Buffer.alloc(12);
  return (offset, k, raw) => {
    place.writeBigUInt64BE(BigInt(offset));
    place.writeUInt32BE(k, 8);
    const hex = mac(head, place, raw);
    const variant = ((parseInt(hex.charAt(16), 16) & 3) | 8).toString(16);
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
  };
}

function prefixed(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8');
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

function formatNamed(name: string): Adapter {
  const found = FORMATS.find(f => f.name === name);
  if (found) return found;
  throw new AuditError('UNKNOWN_FORMAT', `no format is called "${name.slice(0, 40)}"`, {
    hint: `use one of ${FORMATS.map(f => f.name).join(', ')}, or leave --format out`,
  });
}
