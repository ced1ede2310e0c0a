import type { ColumnName } from '../record/schema.ts';
import { pieceOf } from '../record/assembled.ts';
import { Draft, type RecordKeyed } from './draft.ts';

/** What a column keeps of a text. */
export interface Kept {
  /** The text itself. */
  readonly text: Uint8Array;
  /** Some byte of it is not ASCII's. */
  readonly isWide: boolean;
  readonly value: string;
  /** As it stands in a canonical line. */
  readonly piece: Uint8Array;
}

/** Models, paths and users are many times the same; the last text of a place is kept. */
const MOST = 1024;
/** Longer ones are not remembered. */
const LONGEST = 128;

/**
 * What one column keeps of texts, as Draft says; remembered by the bytes of the text, since asking takes 0.8 µs
 * and a line has a dozen.
 */
export class KeptTexts {
  readonly #column: ColumnName;
  readonly #keyed: RecordKeyed;
  readonly #known: (Kept | undefined)[] = [];
  #last: Kept | undefined;

  constructor(column: ColumnName, keyed: RecordKeyed) {
    this.#column = column;
    this.#keyed = keyed;
  }

  /** The one that was asked for last, if its text stands at `from` before a quote: fields of a log are mostly what they were before. */
  again(raw: Buffer, from: number): Kept | undefined {
    const last = this.#last;
    if (!last) return undefined;
    const { text } = last;
    for (let i = 0; i < text.length; i++) if (text[i] !== raw[from + i]) return undefined;
    return raw[from + text.length] === 0x22 ? last : undefined;
  }

  /** `hash` of the bytes from..to. Undefined where there is more to say than a value of the column. */
  of(raw: Buffer, from: number, to: number, hash: number): Kept | undefined {
    const place = (hash ^ (hash >>> 15)) & (MOST - 1);
    const known = this.#known[place];
    if (known && isSame(known.text, raw, from, to)) return (this.#last = known);
    const text = raw.toString('utf8', from, to);
    const value = this.value(text);
    if (value === undefined) return undefined;
    const bytes = Uint8Array.from(raw.subarray(from, to));
    const kept = {
      text: bytes,
      isWide: bytes.some(b => b > 0x7f),
      value,
      piece: pieceOf(this.#column, value),
    };
    if (to - from <= LONGEST) this.#last = this.#known[place] = kept;
    return kept;
  }

  value(text: string): string | undefined {
    const draft = new Draft(new Map([[this.#column, text]]), this.#keyed);
    draft.column(this.#column, this.#column);
    draft.finish();
    const value = draft.record[this.#column];
    // Anything beside it is `extra`: what it dropped, or could not read.
    return typeof value === 'string' && draft.record.extra === undefined ? value : undefined;
  }
}

function isSame(text: Uint8Array, raw: Buffer, from: number, to: number): boolean {
  if (text.length !== to - from) return false;
  for (let i = 0; i < text.length; i++) if (text[i] !== raw[from + i]) return false;
  return true;
}
