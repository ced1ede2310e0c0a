/** A line of input as its bytes, without the line feed. Offsets are bytes of the (decompressed) source. */
export interface RawLine {
  readonly raw: Buffer;
  readonly start: number;
  /** Just behind the line feed, or the end of the source. */
  readonly end: number;
  /** Bytes of the line; more than `raw` has where it was too long to be kept. */
  readonly length: number;
  readonly fault?: 'too_long' | 'unterminated';
}

/** What is kept of a line that is too long: as much as quarantine takes. */
const KEPT = 64 << 10;

/**
 * Cuts a byte stream at line feeds, holding at most one line. How the stream is cut into chunks changes nothing.
 * `raw` may share memory with the chunk it came from: use it before the next one.
 */
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

  *push(chunk: Buffer): Generator<RawLine> {
    let from = 0;
    for (let lf = chunk.indexOf(10); lf >= 0; lf = chunk.indexOf(10, from)) {
      const rest = chunk.subarray(from, lf);
      from = lf + 1;
      yield this.#parts.length === 0 ? this.#line(rest, rest.length, 1) : this.#joined(rest);
    }
    if (from < chunk.length) this.#hold(chunk.subarray(from));
  }

  /** What stands behind the last line feed; undefined if nothing does. */
  end(): RawLine | undefined {
    if (this.#length === 0) return undefined;
    const line = this.#line(Buffer.concat(this.#parts), this.#length, 0);
    this.#clear();
    return line.fault ? line : { ...line, fault: 'unterminated' };
  }

  #joined(rest: Buffer): RawLine {
    this.#hold(rest);
    const raw = this.#parts.length === 1 ? this.#parts[0]! : Buffer.concat(this.#parts);
    const line = this.#line(raw, this.#length, 1);
    this.#clear();
    return line;
  }

  #hold(part: Buffer): void {
    this.#length += part.length;
    const room = (this.#length > this.#maxLine ? KEPT : this.#maxLine) - this.#held;
    if (room <= 0) return;
    // A copy: the chunk's memory is the reader's.
    const kept = Buffer.from(part.subarray(0, room));
    this.#parts.push(kept);
    this.#held += kept.length;
  }

  #clear(): void {
    this.#parts = [];
    this.#held = 0;
    this.#length = 0;
  }

  #line(raw: Buffer, length: number, lf: number): RawLine {
    const start = this.#start;
    this.#start += length + lf;
    const long = length > this.#maxLine;
    return {
      raw: long ? raw.subarray(0, KEPT) : raw,
      start,
      end: this.#start,
      length,
      ...(long && { fault: 'too_long' }),
    };
  }
}
