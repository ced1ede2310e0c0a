import { createMac, digestText } from '../keys/hash.ts';
import { type FormatChoice, formatOf } from '../normalize/formats.ts';
import type { FlatReader } from '../normalize/flat.ts';
import { createNormalizer, type Outcome, type RejectReason } from '../normalize/normalize.ts';
import { withoutReturn } from '../normalize/piece.ts';
import { classOf, DEFAULT_CLASS, type Policy } from '../log/policy.ts';
import type { Tally } from '../log/tally.ts';
import { HASH_BYTES } from '../merkle/tree.ts';
import { addRemoved, type Removed, scannerOf } from '../normalize/secrets.ts';
import { canonicalLine } from '../record/canonical.ts';
import type { AuditRecord } from '../record/schema.ts';
import { microsOf, type TimeReading } from '../record/time.ts';
import { instantOf } from '../store/clock.ts';
import {
  maxFrameBytes,
  FRAME_PREFIX,
  recordHead,
  rejectHead,
  writeFrame,
  writeRecordFrame,
} from '../store/frame.ts';
import { rejectSealer } from './reject.ts';

/** From..to, bytes. */
export type Span = readonly [from: number, to: number];

/** A source's lines to be made into frames; anything of it can be sent to another thread. */
export interface Digestible {
  readonly bytes: Uint8Array;
  readonly start: number;
  /** Number of the first line, from 1. */
  readonly line: number;
  /** Where each value begins and ends in `bytes`, if the source is no list of lines. */
  readonly values?: readonly Span[];
  /** Memory to put frames in, if they fit. */
  readonly room?: Uint8Array;
}

/** What a digester has to know of a source. */
export interface DigestOptions {
  readonly recordKey: Uint8Array;
  readonly recordKeyId: string;
  readonly name: string;
  readonly stream: string;
  /** The source's number in every frame of this run. */
  readonly ordinal: number;
  /** Told from each line if not given. */
  readonly format?: FormatChoice;
  readonly times: TimeReading;
  /** A pipe: what comes now was written now. */
  readonly live: boolean;
  /** Blocks go to several digesters: none of them sees all lines. */
  readonly scattered: boolean;
  readonly maxLine: number;
  readonly hashIdentities: boolean;
  /** Optional rules of secrets.ts. */
  readonly remove: readonly string[];
}

/** What became of a line; `more` is no line: what had been gathered from the lines before. */
export const LINE = { record: 0, reject: 1, more: 2, blank: 3, not_a_request: 4, part: 5 } as const;
/** Where a line of each kind is counted, beside `read`. */
export const FATES: readonly (keyof Tally | undefined)[] = [
  undefined,
  'rejected',
  undefined,
  'blank',
  'not_a_request',
  'part',
];

/** Frames of lines, and what their writer has to know: arrays of as many members as there are lines, or records. */
export interface Digested {
  /** The source's own bytes, for the digest of their range. */
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly frames: Uint8Array;
  /** End of each line's frame in `frames`. */
  readonly frameEnds: Uint32Array;
  /** Offset just behind each line in the source. */
  readonly ends: Float64Array;
  readonly kinds: Uint8Array;
  /** Records of each line. */
  readonly counts: Uint32Array;
  /** RFC 6962 leaf hashes, 32 bytes a record. */
  readonly leaves: Uint8Array;
  /** `ts` of each record in microseconds since 1970. */
  readonly times: Float64Array;
  /** Class of each record: a place in `classNames`. */
  readonly classes: Uint16Array;
  readonly classNames: readonly string[];
  readonly reasons: Readonly<Partial<Record<RejectReason, number>>>;
  /** Secrets that were taken out, by rule. */
  readonly removed: Readonly<Removed>;
  /** Lines so far that are parts of a request still to come: they lie in memory only. */
  readonly waiting: number;
}

export interface Digester {
  lines(block: Digestible): Digested;
  /** One line that is no whole line of a block, and where it ends. */
  odd(line: Digestible, end: number, length: number, reason: RejectReason | undefined): Digested;
  /** What waits for lines that don't come; `enough`: only what can do without them. */
  rest(at: number, line: number, which: 'all' | 'enough'): Digested;
  /** Lines that an earlier run has read: they are gathered from again, and nothing else comes of them. */
  again(block: Digestible): void;
}

const LF = 10;

/**
 * The part of ingest that costs: bytes of whole lines in, frames and leaf hashes out. It touches nothing else. `policyOf`: the policy that
 * says the class of what comes now.
 */
export function createDigester(options: DigestOptions, policyOf: () => Policy): Digester {
  const { name, ordinal, maxLine } = options;
  const scanner = scannerOf(options.remove);
  const normalizer = createNormalizer({
    privacy: { scanner, hashIdentities: options.hashIdentities },
    mac: createMac(options.recordKey),
    hashAlg: `hmac-sha256:${options.recordKeyId}:c1`,
    sourceId: name,
    stream: options.stream,
    times: options.times,
    scattered: options.scattered,
    ...(options.format !== undefined && { format: formatOf(options.format) }),
    ...(options.live && { arrival: () => instantOf(Date.now()) }),
  });
  const { flat } = normalizer;
  const sealReject = rejectSealer(options.recordKey, scanner);

  function add(out: Gathered, raw: Buffer, at: Place, fault?: RejectReason): void {
    if (fault === undefined && flat?.read(withoutReturn(raw), at.start) === true) {
      const policy = policyOf();
      const klass = policy.rules.length === 0 ? DEFAULT_CLASS : classOf(policy, flat.ruled);
      out.assembled(recordHead(ordinal, at.end, klass), flat, flat.micros, klass);
      return out.line(at.end, LINE.record, 1);
    }
    const outcome = outcomeOf(raw, at.start, fault);
    if ('skip' in outcome) return out.line(at.end, LINE[outcome.skip], 0);
    const records = 'records' in outcome ? outcome.records : [];
    for (const record of records) put(out, record, at.end);
    if ('removed' in outcome) addRemoved(out.removed, outcome.removed);
    if (outcome.reject !== undefined) reject(out, raw, at, outcome.reject);
    return out.line(at.end, outcome.reject === undefined ? LINE.record : LINE.reject, records.length);
  }

  function outcomeOf(raw: Buffer, offset: number, fault: RejectReason | undefined): Outcome {
    if (fault !== undefined && (fault !== 'unterminated' || isJsonLike(raw))) return { reject: fault };
    const outcome = normalizer.line(withoutReturn(raw), offset);
    return fault !== undefined && 'reject' in outcome ? { reject: fault } : outcome;
  }

  function put(out: Gathered, record: AuditRecord, end: number): void {
    const klass = classOf(policyOf(), record);
    out.record(recordHead(ordinal, end, klass), canonicalLine(record), microsOf(record.ts), klass);
  }

  function reject(
    out: Gathered,
    raw: Buffer,
    { start, end, length, line }: Place,
    reason: RejectReason,
  ): void {
    const { text, removed } = sealReject({ reason, source: name, line, offset: start, length }, raw);
    addRemoved(out.removed, removed);
    out.reject(rejectHead(ordinal, end), text, reason);
  }

  return {
    lines(block) {
      const out = new Gathered(block.room ?? roomFor(block.bytes.length));
      eachLine(block, (raw, at) => add(out, raw, at, at.length > maxLine ? 'too_long' : undefined));
      return out.digested(block.bytes, block.start, normalizer.waiting);
    },
    odd({ bytes, start, line }, end, length, reason) {
      const out = new Gathered(roomFor(bytes.length));
      add(out, asBuffer(bytes), { start, end, line, length }, reason);
      return out.digested(bytes, start, normalizer.waiting);
    },
    rest(at, line, which) {
      const out = new Gathered(roomFor(0));
      const { records, cut, removed } = normalizer.rest(which);
      addRemoved(out.removed, removed);
      for (const record of records) put(out, record, at);
      if (records.length > 0) out.line(at, LINE.more, records.length);
      for (const text of cut) {
        const raw = Buffer.from(text, 'utf8');
        reject(out, raw, { start: at, end: at, line, length: raw.length }, 'unterminated');
        out.line(at, LINE.reject, 0);
      }
      return out.digested(new Uint8Array(0), at, normalizer.waiting);
    },
    again(block) {
      eachLine(block, (raw, at) => {
        if (at.length <= maxLine) normalizer.line(withoutReturn(raw), at.start);
      });
      normalizer.markTold();
    },
  };
}

/** Where a line stands in its source; `end` behind its line feed. */
interface Place {
  readonly start: number;
  readonly end: number;
  readonly line: number;
  readonly length: number;
}

function eachLine({ bytes, start, line, values }: Digestible, visit: (raw: Buffer, at: Place) => void): void {
  const block = asBuffer(bytes);
  let number = line;
  if (values) {
    let seen = 0;
    for (const [from, to] of values) {
      for (let lf = block.indexOf(LF, seen); lf >= 0 && lf < from; lf = block.indexOf(LF, lf + 1)) number++;
      seen = from;
      const at = { start: start + from, end: start + to, line: number, length: to - from };
      visit(block.subarray(from, to), at);
    }
    return;
  }
  for (let from = 0, lf = block.indexOf(LF); lf >= 0; from = lf + 1, lf = block.indexOf(LF, from)) {
    const length = lf - from;
    visit(block.subarray(from, lf), { start: start + from, end: start + lf + 1, line: number++, length });
  }
}

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);

/** Bytes that frames of lines of so many bytes mostly have room in. */
export const framesRoom = (bytes: number): number => Math.max(4096, bytes + (bytes >> 1));
const roomFor = (bytes: number): Uint8Array => Buffer.allocUnsafe(framesRoom(bytes));

/** Frames in one buffer that grows, and the arrays beside it. */
class Gathered {
  #frames: Buffer;
  #at = 0;
  #lines = 0;
  #frameEnds = new Uint32Array(64);
  #ends = new Float64Array(64);
  #kinds = new Uint8Array(64);
  #counts = new Uint32Array(64);
  #records = 0;
  #leaves = Buffer.allocUnsafe(64 * HASH_BYTES);
  #times = new Float64Array(64);
  #classes = new Uint16Array(64);
  readonly #classNames: string[] = [];
  readonly #reasons: Partial<Record<RejectReason, number>> = {};
  readonly removed: Removed = {};

  constructor(room: Uint8Array) {
    this.#frames = asBuffer(room);
  }

  record(head: string, line: string, micros: number, name: string): void {
    const start = this.#write(`${head}${line}}`);
    this.#recorded(start, head, micros, name);
  }

  /** A record whose line is put together where its frame stands. */
  assembled(head: string, line: FlatReader, micros: number, name: string): void {
    const start = this.#at;
    this.#room(maxFrameBytes(head) + line.most);
    this.#at = writeRecordFrame(this.#frames, start, head, line.write);
    this.#recorded(start, head, micros, name);
  }

  #recorded(start: number, head: string, micros: number, name: string): void {
    // The leaf is SHA-256(0x00 ‖ line), and the line stands in the frame: its neighbour lends the byte.
    const from = start + FRAME_PREFIX + head.length - 1;
    const neighbour = this.#frames[from]!;
    this.#frames[from] = 0;
    const leaf = digestText(this.#frames.subarray(from, this.#at - 2));
    this.#frames[from] = neighbour;
    const record = this.#records++;
    if (record === this.#times.length) this.#roomForRecords();
    this.#leaves.write(leaf, record * HASH_BYTES, 'latin1');
    this.#times[record] = micros;
    const known = this.#classNames.indexOf(name);
    this.#classes[record] = known < 0 ? this.#classNames.push(name) - 1 : known;
  }

  #roomForRecords(): void {
    const most = this.#times.length * 2;
    this.#times = grown(this.#times, new Float64Array(most));
    this.#classes = grown(this.#classes, new Uint16Array(most));
    this.#leaves = grown(this.#leaves, Buffer.allocUnsafe(most * HASH_BYTES));
  }

  #roomForLines(): void {
    const most = this.#ends.length * 2;
    this.#frameEnds = grown(this.#frameEnds, new Uint32Array(most));
    this.#ends = grown(this.#ends, new Float64Array(most));
    this.#kinds = grown(this.#kinds, new Uint8Array(most));
    this.#counts = grown(this.#counts, new Uint32Array(most));
  }

  reject(head: string, sealed: string, reason: RejectReason): void {
    this.#write(`${head}${sealed}}`);
    this.#reasons[reason] = (this.#reasons[reason] ?? 0) + 1;
  }

  /** What was written since the line before was this line's. */
  line(end: number, kind: number, records: number): void {
    const line = this.#lines++;
    if (line === this.#ends.length) this.#roomForLines();
    this.#frameEnds[line] = this.#at;
    this.#ends[line] = end;
    this.#kinds[line] = kind;
    this.#counts[line] = records;
  }

  digested(bytes: Uint8Array, start: number, waiting: number): Digested {
    return {
      bytes,
      start,
      frames: this.#frames.subarray(0, this.#at),
      frameEnds: this.#frameEnds.slice(0, this.#lines),
      ends: this.#ends.slice(0, this.#lines),
      kinds: this.#kinds.slice(0, this.#lines),
      counts: this.#counts.slice(0, this.#lines),
      leaves: new Uint8Array(this.#leaves.subarray(0, this.#records * HASH_BYTES)),
      times: this.#times.slice(0, this.#records),
      classes: this.#classes.slice(0, this.#records),
      classNames: this.#classNames,
      reasons: this.#reasons,
      removed: this.removed,
      waiting,
    };
  }

  #write(rest: string): number {
    const start = this.#at;
    this.#room(maxFrameBytes(rest));
    this.#at = writeFrame(this.#frames, start, rest);
    return start;
  }

  #room(bytes: number): void {
    const needed = this.#at + bytes;
    if (needed <= this.#frames.length) return;
    this.#frames = grown(this.#frames, Buffer.allocUnsafe(needed * 2));
  }
}

function grown<T extends Uint8Array | Uint16Array | Uint32Array | Float64Array>(from: T, to: T): T {
  to.set(from);
  return to;
}

/** What is cut of JSON can't be read; of text, that shows. */
const isJsonLike = (raw: Buffer): boolean => /^\s*[[{]/.test(raw.toString('latin1', 0, 256));
