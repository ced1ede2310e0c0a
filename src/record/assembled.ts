import { canonicalValue } from './canonical.ts';
import { type ColumnName, COLUMNS } from './schema.ts';

/** Columns by their place in a canonical line. */
const PLACES: readonly ColumnName[] = COLUMNS.map(c => c.name).sort((a, b) => (a < b ? -1 : 1));
const LABELS: readonly Uint8Array[] = PLACES.map(name => bytesOf(`,"${name}":`));
const ALL_LABELS = LABELS.reduce((sum, label) => sum + label.length, 2);
export const placeOf = (column: ColumnName): number => PLACES.indexOf(column);

/** A column and its value as they stand in a line, behind a comma. */
export const pieceOf = (column: ColumnName, value: string | number | boolean): Uint8Array =>
  bytesOf(`,"${column}":${canonicalValue(value)}`);

export function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'utf8'));
}

// How a place is filled. What is empty was stated, and says nothing.
const ABSENT = 0;
const EMPTY = 1;
const SLICE = 2;
const PIECE = 3;
const TEXT = 4;

/** A canonical line put together from bytes: pieces, and values that stand in their source as they are to be written. */
export class Assembled {
  readonly #filled = new Uint8Array(PLACES.length);
  readonly #from = new Int32Array(PLACES.length);
  readonly #to = new Int32Array(PLACES.length);
  readonly #pieces: Uint8Array[] = PLACES.map(() => new Uint8Array(0));
  readonly #texts: string[] = PLACES.map(() => '');

  begin(): void {
    this.#filled.fill(ABSENT);
  }

  /** Was it stated, if as nothing? */
  isStated(place: number): boolean {
    return this.#filled[place] !== ABSENT;
  }

  has(place: number): boolean {
    return this.#filled[place]! >= SLICE;
  }

  empty(place: number): void {
    this.#filled[place] = EMPTY;
  }

  slice(place: number, from: number, to: number): void {
    this.#filled[place] = SLICE;
    this.#from[place] = from;
    this.#to[place] = to;
  }

  piece(place: number, piece: Uint8Array): void {
    this.#filled[place] = PIECE;
    this.#pieces[place] = piece;
  }

  /** A text of ASCII without anything that JSON escapes. */
  text(place: number, text: string): void {
    this.#filled[place] = TEXT;
    this.#texts[place] = text;
  }

  /** Bytes that the line has at most. */
  most(source: Uint8Array): number {
    let most = source.length + ALL_LABELS;
    for (let place = 0; place < PLACES.length; place++) {
      const filled = this.#filled[place];
      if (filled === PIECE) most += this.#pieces[place]!.length;
      else if (filled === TEXT) most += this.#texts[place]!.length + 2;
    }
    return most;
  }

  /**
   * Writes the line to `into` at `start`; returns its end. Values are copied byte for byte: they are short, and a view of them takes as
   * long as 60 of them.
   */
  write(source: Uint8Array, into: Buffer, start: number): number {
    let at = start;
    for (let place = 0; place < PLACES.length; place++) {
      const filled = this.#filled[place]!;
      if (filled < SLICE) continue;
      const whole = filled === PIECE ? this.#pieces[place]! : LABELS[place]!;
      into.set(whole, at);
      at += whole.length;
      if (filled === PIECE) continue;
      if (filled === TEXT) {
        into[at++] = 0x22;
        at += into.write(this.#texts[place]!, at, 'latin1');
        into[at++] = 0x22;
        continue;
      }
      const to = this.#to[place]!;
      for (let i = this.#from[place]!; i < to; i++) into[at++] = source[i]!;
    }
    into[start] = 0x7b;
    into[at++] = 0x7d;
    return at;
  }
}
