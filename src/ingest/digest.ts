import { hash } from 'node:crypto';
import { createMac } from '../keys/hash.ts';
import { createNormalizer, type RejectReason } from '../normalize/normalize.ts';
import { canonicalLine } from '../record/canonical.ts';
import { maxFrameBytes, recordHead, rejectHead, writeFrame } from '../store/frame.ts';
import { rejectSealer } from './reject.ts';

/** A source's lines to be made into frames; anything of it can be sent to another thread. */
export interface Digestible {
  readonly bytes: Uint8Array;
  readonly start: number;
  /** Number of the first line, from 1. */
  readonly line: number;
}

/** What a digester has to know of a source. */
export interface DigestOptions {
  readonly recordKey: Uint8Array;
  readonly recordKeyId: string;
  readonly name: string;
  readonly stream: string;
  /** The source's number in every frame of this run. */
  readonly ordinal: number;
  readonly format?: string;
  readonly maxLine: number;
}

/** What became of a line. */
export const LINE = { record: 0, reject: 1, skip: 2 } as const;

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
  /** RFC 6962 leaf hashes, 32 bytes a record. */
  readonly leaves: Uint8Array;
  /** `ts` of each record in microseconds since 1970. */
  readonly times: Float64Array;
  readonly reasons: Readonly<Partial<Record<RejectReason, number>>>;
}

export interface Digester {
  lines(block: Digestible): Digested;
  /** One line that is no whole line of a block, and where it ends. */
  odd(line: Digestible, end: number, length: number, reason: RejectReason | undefined): Digested;
}

const LF = 10;
const CR = 13;

/** The part of ingest that costs: bytes of whole lines in, frames and leaf hashes out. It touches nothing else. */
export function createDigester(options: DigestOptions): Digester {
  const { name, ordinal, maxLine } = options;
  const normalizer = createNormalizer({
    mac: createMac(options.recordKey),
    hashAlg: `hmac-sha256:${options.recordKeyId}:c1`,
    sourceId: name,
    stream: options.stream,
    ...(options.format !== undefined && { format: options.format }),
  });
  const sealReject = rejectSealer(options.recordKey);

  function add(
    out: Gathered,
    raw: Buffer,
    at: { start: number; end: number; line: number; length: number },
    fault?: RejectReason,
  ): void {
    const outcome = fault === undefined ? normalizer.line(withoutReturn(raw), at.start) : { reject: fault };
    if ('records' in outcome) {
      // Each format so far makes one record of a line.
      const [record] = outcome.records;
      out.record(recordHead(ordinal, at.end), canonicalLine(record!), at.end, microsOf(record!.ts));
    } else if ('reject' in outcome) {
      const { start: offset, length, line } = at;
      const sealed = sealReject({ reason: outcome.reject, source: name, line, offset, length }, raw);
      out.reject(rejectHead(ordinal, at.end), sealed, at.end, outcome.reject);
    } else out.skip(at.end);
  }

  return {
    lines({ bytes, start, line }) {
      const block = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
      const out = new Gathered(block.length);
      let number = line;
      for (let from = 0, lf = block.indexOf(LF); lf >= 0; from = lf + 1, lf = block.indexOf(LF, from)) {
        const length = lf - from;
        const at = { start: start + from, end: start + lf + 1, line: number++, length };
        add(out, block.subarray(from, lf), at, length > maxLine ? 'too_long' : undefined);
      }
      return out.digested(bytes, start);
    },
    odd({ bytes, start, line }, end, length, reason) {
      const out = new Gathered(bytes.length);
      add(
        out,
        Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length),
        { start, end, line, length },
        reason,
      );
      return out.digested(bytes, start);
    },
  };
}

/** Frames in one buffer that grows, and the arrays beside it. */
class Gathered {
  #frames: Buffer;
  #at = 0;
  readonly #frameEnds: number[] = [];
  readonly #ends: number[] = [];
  readonly #kinds: number[] = [];
  readonly #leaves: Buffer[] = [];
  readonly #times: number[] = [];
  readonly #reasons: Partial<Record<RejectReason, number>> = {};

  constructor(bytes: number) {
    this.#frames = Buffer.allocUnsafe(Math.max(4096, bytes + (bytes >> 1)));
  }

  record(head: string, line: string, end: number, micros: number): void {
    const start = this.#write(`${head}${line}}`);
    // The leaf is SHA-256(0x00 ‖ line), and the line stands in the frame: its neighbour lends the byte.
    const from = start + FRAME_HEAD + head.length - 1;
    const neighbour = this.#frames[from]!;
    this.#frames[from] = 0;
    this.#leaves.push(hash('sha256', this.#frames.subarray(from, this.#at - 2), 'buffer'));
    this.#frames[from] = neighbour;
    this.#times.push(micros);
    this.#done(end, LINE.record);
  }

  reject(head: string, sealed: string, end: number, reason: RejectReason): void {
    this.#write(`${head}${sealed}}`);
    this.#reasons[reason] = (this.#reasons[reason] ?? 0) + 1;
    this.#done(end, LINE.reject);
  }

  skip(end: number): void {
    this.#done(end, LINE.skip);
  }

  digested(bytes: Uint8Array, start: number): Digested {
    return {
      bytes,
      start,
      frames: this.#frames.subarray(0, this.#at),
      frameEnds: Uint32Array.from(this.#frameEnds),
      ends: Float64Array.from(this.#ends),
      kinds: Uint8Array.from(this.#kinds),
      leaves: Buffer.concat(this.#leaves),
      times: Float64Array.from(this.#times),
      reasons: this.#reasons,
    };
  }

  #write(rest: string): number {
    const start = this.#at;
    const needed = start + maxFrameBytes(rest);
    if (needed > this.#frames.length) {
      const grown = Buffer.allocUnsafe(needed * 2);
      this.#frames.copy(grown, 0, 0, start);
      this.#frames = grown;
    }
    this.#at = writeFrame(this.#frames, start, rest);
    return start;
  }

  #done(end: number, kind: number): void {
    this.#frameEnds.push(this.#at);
    this.#ends.push(end);
    this.#kinds.push(kind);
  }
}

const FRAME_HEAD = 16;

const withoutReturn = (raw: Buffer): Buffer => (raw.at(-1) === CR ? raw.subarray(0, -1) : raw);

/** `YYYY-MM-DDTHH:MM:SS.ffffffZ` as microseconds since 1970, below 2^53. */
function microsOf(ts: string): number {
  return Date.parse(`${ts.slice(0, 23)}Z`) * 1000 + Number(ts.slice(23, 26));
}

/** The inverse of microsOf. */
export function instantOfMicros(micros: number): string {
  const below = String(micros % 1000).padStart(3, '0');
  return new Date(Math.floor(micros / 1000)).toISOString().replace('Z', `${below}Z`);
}
