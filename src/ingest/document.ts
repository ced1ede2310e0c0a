import { MOST_KEPT } from '../keys/quarantine.ts';
import type { Span } from './digest.ts';
import type { Block, OddLine } from './framer.ts';

const [LF, QUOTE, BACKSLASH, OPEN, CLOSE, OPEN_LIST, CLOSE_LIST] = [10, 0x22, 0x5c, 0x7b, 0x7d, 0x5b, 0x5d];
const isSpace = (byte: number): boolean => byte === 0x20 || byte === LF || byte === 0x0d || byte === 0x09;

/**
 * Is this input one list, or objects over several lines, rather than a line each? Told once, from its first bytes: a list
 * that ends within the first line is a line like any other.
 */
export function isDocument(head: Buffer, ended: boolean): boolean {
  const from = head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf ? 3 : 0;
  const text = head.subarray(from).toString('utf8').trimStart();
  const feed = text.indexOf('\n');
  const first = (feed < 0 ? text : text.slice(0, feed)).trim();
  if (first === '{') return feed >= 0;
  if (!/^\[\s*(?:\{|$)/.test(first)) return false;
  if (first === '[') return /^\[\s*\{/.test(text);
  if (feed < 0 && !ended) return true;
  try {
    JSON.parse(first);
    return false;
  } catch {
    return true;
  }
}

/**
 * Cuts a list of objects, or objects over several lines, into one value after the other. A value that is broken ends where
 * another begins at the start of a line, no deeper than it did: it takes no other with it.
 */
export class DocumentFramer {
  readonly #maxLine: number;
  /** Bytes behind the last value, and where they begin in the source. */
  #held: Buffer = Buffer.alloc(0);
  #start: number;
  #scanned = 0;
  /** The value that is being read: where it begins in #held, how deep we are in it, and how far it was indented. */
  #value = -1;
  #depth = 0;
  #inString = false;
  #escaped = false;
  #indent = -1;
  #lineStart = 0;
  #lineIsBlank = true;
  /** Bytes of a value that is too long which were let go. */
  #letGo = 0;

  constructor(maxLine: number, offset = 0) {
    this.#maxLine = maxLine;
    this.#start = offset;
  }

  *push(chunk: Buffer): Generator<Block | OddLine> {
    const isBorrowed = this.#held.length === 0;
    this.#held = isBorrowed ? chunk : Buffer.concat([this.#held, chunk]);
    let values: Span[] = [];
    while (this.#scanned < this.#held.length) {
      const value = this.#step();
      if (!value) continue;
      const [from, to] = value;
      if (this.#letGo === 0 && to - from <= this.#maxLine) {
        values.push(value);
        continue;
      }
      const before = values.at(-1)?.[1] ?? 0;
      if (before > 0) yield this.#block(values, before);
      values = [];
      yield this.#odd('too_long', to - before);
    }
    // Separators without end are let go as a blank value.
    if (this.#value < 0 && this.#held.length > MOST_KEPT) values.push([this.#held.length, this.#held.length]);
    if (values.length > 0) yield this.#block(values, values.at(-1)![1]);
    if (this.#held.length > this.#maxLine + MOST_KEPT) this.#letGoOfMiddle();
    // The chunk's memory is the reader's.
    else if (isBorrowed) this.#held = Buffer.from(this.#held);
  }

  /** What is not finished; undefined if nothing but separators is left. */
  end(): OddLine | undefined {
    if (this.#value < 0 && this.#letGo === 0) return undefined;
    const long = this.#letGo + this.#held.length > this.#maxLine;
    return this.#odd(long ? 'too_long' : 'unterminated', this.#held.length);
  }

  /** Reads a byte; returns the value that ends with it, or before it. */
  #step(): Span | undefined {
    const at = this.#scanned++;
    const byte = this.#held[at]!;
    const firstInLine = this.#lineIsBlank && !isSpace(byte);
    if (byte === LF) {
      this.#lineStart = at + 1;
      this.#lineIsBlank = true;
      // No string goes over a line feed: this one was never closed.
      this.#inString = false;
      this.#escaped = false;
    } else if (firstInLine) this.#lineIsBlank = false;
    if (this.#value < 0) {
      this.#begin(at, byte, firstInLine);
      return undefined;
    }
    if (firstInLine && byte === OPEN && this.#indent >= 0 && at - this.#lineStart <= this.#indent) {
      const broken: Span = [this.#value, at];
      this.#begin(at, byte, true);
      return broken;
    }
    return this.#within(byte) ? this.#ended(at + 1) : undefined;
  }

  #begin(at: number, byte: number, firstInLine: boolean): void {
    if (isSpace(byte) || byte === 0x2c || byte === OPEN_LIST || byte === CLOSE_LIST) return;
    this.#value = at;
    this.#depth = byte === OPEN ? 1 : 0;
    this.#inString = false;
    this.#indent = firstInLine ? at - this.#lineStart : -1;
  }

  /** Is this the last byte of the value? What is no object ends with its line. */
  #within(byte: number): boolean {
    if (this.#depth === 0) return byte === LF;
    if (this.#inString) {
      if (this.#escaped) this.#escaped = false;
      else if (byte === BACKSLASH) this.#escaped = true;
      else if (byte === QUOTE) this.#inString = false;
      return false;
    }
    if (byte === QUOTE) this.#inString = true;
    else if (byte === OPEN || byte === OPEN_LIST) this.#depth++;
    else if (byte === CLOSE || byte === CLOSE_LIST) return --this.#depth === 0;
    return false;
  }

  #ended(end: number): Span {
    const value: Span = [this.#value, end];
    this.#value = -1;
    return value;
  }

  #block(values: readonly Span[], end: number): Block {
    const bytes = this.#held.subarray(0, end);
    const start = this.#start;
    this.#cut(end);
    return { kind: 'lines', bytes, start, values };
  }

  #odd(kind: OddLine['kind'], end: number): OddLine {
    const bytes = Buffer.from(this.#held.subarray(0, Math.min(end, MOST_KEPT)));
    const start = this.#start;
    const length = this.#letGo + end;
    this.#letGo = 0;
    this.#cut(end, length);
    return { kind, bytes, start, end: start + length, length };
  }

  #cut(end: number, bytes: number = end): void {
    this.#held = this.#held.subarray(end);
    this.#start += bytes;
    this.#scanned -= end;
    this.#lineStart -= end;
    if (this.#value >= 0) this.#value -= end;
  }

  /** Of a value that is too long only its beginning is held. */
  #letGoOfMiddle(): void {
    const gone = this.#held.length - MOST_KEPT;
    this.#held = Buffer.from(this.#held.subarray(0, MOST_KEPT));
    this.#letGo += gone;
    this.#scanned -= gone;
    this.#lineStart -= gone;
  }
}
