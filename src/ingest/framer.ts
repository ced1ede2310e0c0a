import { MOST_KEPT } from '../keys/quarantine.ts';
import type { Span } from './digest.ts';

/** Whole lines of a source, each with its line feed. Offsets are bytes of the (decompressed) source. */
export interface Block {
  readonly kind: 'lines';
  readonly bytes: Buffer;
  readonly start: number;
  /** Where each value begins and ends in `bytes`, if they are no lines. */
  readonly values?: readonly Span[];
}

/** A line that is longer than is read, or the end of a source that has no line feed. */
export interface OddLine {
  readonly kind: 'too_long' | 'unterminated';
  /** All of it, or its first 64 KiB. */
  readonly bytes: Buffer;
  readonly start: number;
  /** Just behind it and its line feed, if it has one. */
  readonly end: number;
  /** Without its line feed. */
  readonly length: number;
}

const LF = 10;

/** Cuts a byte stream at line feeds, holding at most one line. How the stream is cut into chunks changes nothing. */
export class Framer {
  readonly #maxLine: number;
  #parts: Buffer[] = [];
  #held = 0;
  /** Bytes of the line so far, those that were not kept included. */
  #length = 0;
  #start: number;

  constructor(maxLine: number, offset = 0) {
    this.#maxLine = maxLine;
    this.#start = offset;
  }

  *push(chunk: Buffer): Generator<Block | OddLine> {
    const last = chunk.lastIndexOf(LF);
    if (last < 0) {
      this.#hold(chunk);
      return;
    }
    let from = 0;
    if (this.#length > this.#maxLine) {
      from = chunk.indexOf(LF) + 1;
      this.#hold(chunk.subarray(0, from - 1));
      yield this.#odd('too_long', 1);
    }
    if (from <= last) {
      const whole = chunk.subarray(from, last + 1);
      const bytes = this.#parts.length > 0 ? Buffer.concat([...this.#parts, whole]) : whole;
      const start = this.#start;
      this.#begin(start + bytes.length);
      yield { kind: 'lines', bytes, start };
    }
    if (last + 1 < chunk.length) this.#hold(chunk.subarray(last + 1));
  }

  /** What stands behind the last line feed; undefined if nothing does. */
  end(): OddLine | undefined {
    if (this.#length === 0) return undefined;
    return this.#odd(this.#length > this.#maxLine ? 'too_long' : 'unterminated', 0);
  }

  #odd(kind: OddLine['kind'], lineFeed: 0 | 1): OddLine {
    const [start, length] = [this.#start, this.#length];
    const end = start + length + lineFeed;
    const bytes = Buffer.concat(this.#parts).subarray(0, kind === 'too_long' ? MOST_KEPT : length);
    this.#begin(end);
    return { kind, bytes, start, end, length };
  }

  #hold(part: Buffer): void {
    this.#length += part.length;
    const room = (this.#length > this.#maxLine ? MOST_KEPT : this.#maxLine) - this.#held;
    if (room <= 0) return;
    // A copy: the chunk's memory is the reader's.
    const kept = Buffer.from(part.subarray(0, room));
    this.#parts.push(kept);
    this.#held += kept.length;
  }

  #begin(at: number): void {
    this.#parts = [];
    this.#held = 0;
    this.#length = 0;
    this.#start = at;
  }
}
