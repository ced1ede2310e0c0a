import type { ColumnName } from '../record/schema.ts';
import { bytesOf, pieceOf } from '../record/assembled.ts';
import { Draft, type RecordKeyed } from './draft.ts';

/** What a column keeps of a text. */
export interface Kept {
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
  readonly #known: ({ readonly text: Uint8Array; readonly kept: Kept } | undefined)[] = [];

  constructor(column: ColumnName, keyed: RecordKeyed) {
    this.#column = column;
    this.#keyed = keyed;
  }

  /** `hash` of the bytes from..to. Undefined where there is more to say than a value of the column. */
  of(raw: Buffer, from: number, to: number, hash: number): Kept | undefined {
    const place = (hash ^ (hash >>> 15)) & (MOST - 1);
    const known = this.#known[place];
    if (known && isSame(known.text, raw, from, to)) return known.kept;
    const text = raw.toString('utf8', from, to);
    const value = this.value(text);
    if (value === undefined) return undefined;
    const kept = { value, piece: pieceOf(this.#column, value) };
    if (to - from <= LONGEST) this.#known[place] = { text: bytesOf(text), kept };
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
