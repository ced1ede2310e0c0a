import type { Skip } from '../log/tally.ts';
import type { JsonObject, JsonValue } from '../record/json.ts';
import { type AuditRecord, SCHEMA_VERSION } from '../record/schema.ts';
import type { Adapter, Choice, Parts } from './adapter.ts';
import { Draft, type RecordKeyed } from './draft.ts';
import { eventIds } from './event.ts';
import { FlatReader } from './flat.ts';
import { native } from './formats/native.ts';
import { type Gathering, Memory } from './memory.ts';
import { type Cut, type Piece, type PieceFault, piecesOf } from './piece.ts';
import { recognize } from './recognize.ts';
import { addRemoved, type Removed } from './secrets.ts';
import type { Wrapping } from './wrapper.ts';

/** Why a line could not become a record; these words stand in quarantine and in messages. */
export type RejectReason =
  | PieceFault
  | 'no_time'
  | 'unknown_format'
  | 'too_long'
  | 'unreadable'
  /** Of several requests in the line some could be read: they are records. */
  | 'partly';

export type Outcome =
  | { readonly records: readonly AuditRecord[]; readonly reject?: RejectReason; readonly removed?: Removed }
  | { readonly reject: RejectReason }
  | { readonly skip: Skip };

export interface NormalizerOptions extends RecordKeyed {
  readonly sourceId: string;
  /** Identity of the file, or id of the run for a pipe: part of every event id. */
  readonly stream: string;
  /** Told from each line if not given. */
  readonly format?: Choice;
  /** The lines of text that carry no time get this one (a live pipe). */
  readonly arrival?: () => string;
  /** Lines are seen out of their order, or not all of them: nothing can be gathered from several. */
  readonly scattered?: boolean;
}

export interface Normalizer {
  /** `raw` without its line feed; `offset` where it begins in its source, bytes. */
  line(raw: Buffer, offset: number): Outcome;
  /** For lines of which nothing is gathered, and that are native by choice: tried first. */
  readonly flat: FlatReader | undefined;
  /** Requests whose end has not come, and lines that their carrier cut: the input is over, or quiet. */
  rest(which: 'all' | 'enough'): {
    readonly records: readonly AuditRecord[];
    readonly cut: readonly string[];
    readonly removed: Removed;
  };
  /** Lines that have been read and wait for others. */
  readonly waiting: number;
  /** What has been gathered so far was told of by an earlier run. */
  markTold(): void;
}

/** Does what a line becomes depend on the lines before it? */
export const gathers = (format: Adapter | undefined): boolean =>
  format === undefined || format.parts !== undefined;

/** A reader of one source's lines, in their order: it keeps what is spread over several of them. */
export function createNormalizer(options: NormalizerOptions): Normalizer {
  const eventId = eventIds(options);
  const memory = new Memory();
  /** Cut lines that an earlier run has told of. */
  let told: ReadonlyMap<string, string> = new Map();
  const cut: Cut | undefined = options.scattered === true ? undefined : new Map<string, string>();
  const read = (raw: Buffer, offset: number): Outcome => {
    const line = new Line(options, memory, { raw, offset, eventId });
    for (const waited of memory.overdue(offset)) line.gathered(waited);
    const pieces = piecesOf(raw, offset === 0, cut);
    for (const piece of pieces) line.piece(piece);
    if (pieces.length === 0) line.skip ??= cut && cut.size > 0 && raw.length > 0 ? 'part' : 'blank';
    return line.outcome();
  };
  const isNative = options.format?.adapter === native && options.scattered === true;
  return {
    flat: isNative ? new FlatReader(options, eventId) : undefined,
    line(raw, offset) {
      try {
        return read(raw, offset);
      } catch {
        // A line that an adapter fails on must not stop the rest: it is kept, and its reason is that.
        return { reject: 'unreadable' };
      }
    },
    rest(which) {
      const line = new Line(options, memory, { raw: Buffer.alloc(0), offset: 0, eventId });
      for (const waited of memory.rest(which)) line.gathered(waited);
      const { records, removed } = line;
      if (which === 'enough' || !cut) return { records, cut: [], removed };
      const left = [...cut].filter(([stream, text]) => told.get(stream) !== text).map(([, text]) => text);
      cut.clear();
      return { records, cut: left, removed };
    },
    get waiting() {
      return memory.lines + (cut?.size ?? 0);
    },
    markTold() {
      memory.markTold();
      told = new Map(cut);
    },
  };
}

interface Place {
  readonly raw: Buffer;
  readonly offset: number;
  readonly eventId: (offset: number, k: number, raw: Buffer) => string;
}

/** One line on its way. */
class Line {
  readonly records: AuditRecord[] = [];
  readonly removed: Removed = {};
  skip: Skip | undefined;
  #fault: RejectReason | undefined;
  #own = 0;
  /** Of this line's event ids. */
  #k = 0;
  readonly #options: NormalizerOptions;
  readonly #memory: Memory;
  readonly #place: Place;

  constructor(options: NormalizerOptions, memory: Memory, place: Place) {
    this.#options = options;
    this.#memory = memory;
    this.#place = place;
  }

  outcome(): Outcome {
    const { records } = this;
    const removed = Object.keys(this.removed).length > 0 ? { removed: this.removed } : {};
    if (this.#fault === undefined)
      return records.length > 0 ? { records, ...removed } : { skip: this.skip ?? 'not_a_request' };
    if (records.length === 0) return { reject: this.#fault };
    return { records, reject: this.#own > 0 ? 'partly' : this.#fault, ...removed };
  }

  piece(piece: Piece): void {
    if (piece.kind === 'bad') {
      this.#reject(piece.reason);
      return;
    }
    const found = recognize(piece, this.#options.format);
    if (found === 'not_a_request') this.skip ??= found;
    else if (typeof found === 'string') this.#reject(found);
    else {
      const { adapter, source } = found;
      for (const one of adapter.split?.(source) ?? [source]) {
        if (one instanceof Map) this.#request(adapter, one, piece.wrapping);
        else this.#reject('not_object');
      }
    }
  }

  /** A request of which nothing more is waited for. */
  gathered({ adapter, object, wrapping, eventId, arrived }: Gathering): void {
    const made = normalized(adapter, object, this.#options, wrapping, arrived);
    if (typeof made === 'object') this.#push(made, eventId);
  }

  #request(adapter: Adapter, source: JsonObject, wrapping: Wrapping | undefined): void {
    const isTimed =
      wrapping?.time !== undefined || (adapter.fields !== undefined && this.#options.arrival !== undefined);
    const part = adapter.parts?.of(source, isTimed);
    if (adapter.parts && part) {
      if (this.#options.scattered !== true) return this.#part(adapter, adapter.parts, source, part, wrapping);
      // Nothing was to be gathered of this input, and its lines are not seen in order.
      if (part.state === 'open') return this.#reject('unknown_format');
    }
    return this.#whole(adapter, source, wrapping);
  }

  #part(
    adapter: Adapter,
    parts: Parts,
    source: JsonObject,
    { key: name, state }: { readonly key: string; readonly state: 'open' | 'enough' | 'last' },
    wrapping: Wrapping | undefined,
  ): void {
    const key = `${adapter.name} ${name}`;
    let before = this.#memory.get(key);
    let object = parts.fold(before?.object, source);
    if (!object) {
      if (before && !before.told) this.gathered(before);
      before = undefined;
      object = parts.fold(undefined, source) ?? source;
    }
    if (state === 'last') {
      this.#memory.delete(key);
      return this.#whole(adapter, object, before?.wrapping ?? wrapping, before?.arrived);
    }
    const arrived = before ? before.arrived : this.#options.arrival?.();
    // What could never be a record must not wait for more: nobody would miss it.
    if (!before && !normalized(adapter, copyOf(object), this.#options, wrapping, arrived))
      return this.#reject('no_time');
    this.#memory.set(key, {
      adapter,
      object,
      wrapping: before?.wrapping ?? wrapping,
      // What was told of has its record; what comes of it now is another.
      eventId: before?.told === false ? before.eventId : this.#eventId(),
      arrived,
      at: this.#place.offset,
      lines: (before?.told === false ? before.lines : 0) + 1,
      state,
      told: false,
    });
    this.skip ??= 'part';
  }

  #whole(adapter: Adapter, source: JsonObject, wrapping: Wrapping | undefined, arrived?: string): void {
    const made = normalized(adapter, source, this.#options, wrapping, arrived);
    if (made === 'not_a_request') this.skip ??= made;
    else if (!made) this.#reject('no_time');
    else {
      this.#own++;
      this.#push(made, this.#eventId());
    }
  }

  #push({ record, removed }: Made, eventId: string): void {
    record.event_id = eventId;
    this.records.push(record);
    addRemoved(this.removed, removed);
  }

  #eventId(): string {
    const { raw, offset, eventId } = this.#place;
    return eventId(offset, this.#k++, raw);
  }

  #reject(reason: RejectReason): void {
    this.#fault ??= reason;
  }
}

function copyOf(object: JsonObject): JsonObject {
  return new Map([...object].map(([name, value]) => [name, copyOfValue(value)]));
}

function copyOfValue(value: JsonValue): JsonValue {
  if (value instanceof Map) return copyOf(value);
  return Array.isArray(value) ? value.map(copyOfValue) : value;
}

const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;

interface Made {
  readonly record: AuditRecord;
  readonly removed: Removed;
}

/** Undefined where no time can be established. */
function normalized(
  adapter: Adapter,
  source: JsonObject,
  options: NormalizerOptions,
  wrapping: Wrapping | undefined,
  arrived: string | undefined,
): Made | 'not_a_request' | undefined {
  const draft = new Draft(source, options, wrapping);
  if (adapter.read(draft) === 'not_a_request') return 'not_a_request';
  draft.fromCarrier();
  const { record } = draft;
  if (record.ts === undefined && adapter.fields && options.arrival) {
    record.ts = arrived ?? options.arrival();
    record.ts_quality = 'ingest';
  }
  const removed = draft.finish();
  if (record.ts === undefined) return undefined;
  // A record with another time could be written and never be sealed (an arrival once had nine digits).
  if (!INSTANT.test(record.ts)) throw new Error(`no instant: ${record.ts}`);
  if (record.input_tokens !== undefined || record.output_tokens !== undefined)
    record.usage_source ??= 'reported';
  record.v = SCHEMA_VERSION;
  record.event_id = '';
  record.event_type ??= 'inference';
  record.ts_quality ??= 'exact';
  record.source_id = options.sourceId;
  record.source_format = adapter.name;
  record.status ??= 'unknown';
  return { record: record as AuditRecord, removed };
}
