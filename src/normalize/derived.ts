import { type Assembled, pieceOf, placeOf } from '../record/assembled.ts';
import { type ColumnName, SCHEMA_VERSION } from '../record/schema.ts';
import type { ReadTime } from '../record/time.ts';
import type { NormalizerOptions } from './normalize.ts';

const TS = placeOf('ts');
const QUALITY = placeOf('ts_quality');
const EVENT_ID = placeOf('event_id');
const EVENT_TYPE = placeOf('event_type');
const STATUS = placeOf('status');
const INPUT = placeOf('input_tokens');
const OUTPUT = placeOf('output_tokens');
const USAGE = placeOf('usage_source');
const ALG = placeOf('hash_alg');

/** The columns of a flat line that do not stand in it as they are written: normalize.ts says which, here they are bytes. */
export class Derived {
  readonly #always: readonly (readonly [place: number, piece: Uint8Array])[];
  readonly #eventType = pieceOf('event_type', 'inference');
  readonly #status = pieceOf('status', 'unknown');
  readonly #usage = pieceOf('usage_source', 'reported');
  readonly #quality: Readonly<Record<ReadTime['quality'], Uint8Array>> = {
    exact: pieceOf('ts_quality', 'exact'),
    coarse: pieceOf('ts_quality', 'coarse'),
    assumed_zone: pieceOf('ts_quality', 'assumed_zone'),
  };
  readonly #alg: Uint8Array;
  readonly #ts = new Overwritten('ts', 27);
  readonly #eventId = new Overwritten('event_id', 36);
  readonly #hashes = {
    prompt: new Overwritten('prompt_hash', 64),
    completion: new Overwritten('completion_hash', 64),
    last_user: new Overwritten('last_user_hash', 64),
  };
  readonly #chars = { prompt: new Counted('prompt_chars'), completion: new Counted('completion_chars') };

  constructor({ sourceId, hashAlg }: NormalizerOptions) {
    this.#alg = pieceOf('hash_alg', hashAlg);
    this.#always = [
      [placeOf('v'), pieceOf('v', SCHEMA_VERSION)],
      [placeOf('source_id'), pieceOf('source_id', sourceId)],
      [placeOf('source_format'), pieceOf('source_format', 'native')],
    ];
  }

  time(line: Assembled, { ts, quality }: ReadTime): void {
    line.piece(TS, this.#ts.with(ts));
    line.piece(QUALITY, this.#quality[quality]);
  }

  hash(line: Assembled, kind: 'prompt' | 'completion' | 'last_user', hash: string): void {
    const { place, with: made } = this.#hashes[kind];
    line.piece(place, made(hash));
    line.piece(ALG, this.#alg);
  }

  /** Once all members are read: a count that was stated stands. */
  chars(line: Assembled, kind: 'prompt' | 'completion', chars: number): void {
    const { place, with: made } = this.#chars[kind];
    if (!line.has(place)) line.piece(place, made(chars));
  }

  rest(line: Assembled, eventId: string): void {
    for (const [place, piece] of this.#always) line.piece(place, piece);
    line.piece(EVENT_ID, this.#eventId.with(eventId));
    if (!line.has(EVENT_TYPE)) line.piece(EVENT_TYPE, this.#eventType);
    if (!line.has(STATUS)) line.piece(STATUS, this.#status);
    if ((line.has(INPUT) || line.has(OUTPUT)) && !line.has(USAGE)) line.piece(USAGE, this.#usage);
  }
}

/** A piece whose value is always as long: each is written over the one before. */
class Overwritten {
  readonly place: number;
  readonly with: (text: string) => Uint8Array;

  constructor(column: ColumnName, length: number) {
    this.place = placeOf(column);
    const piece = pieceOf(column, '0'.repeat(length));
    const from = piece.length - 1 - length;
    this.with = text => {
      for (let i = 0; i < length; i++) piece[from + i] = text.charCodeAt(i);
      return piece;
    };
  }
}

const MOST_COUNTED = 1024;

/** Pieces of a count: small ones are made once. */
class Counted {
  readonly place: number;
  readonly with: (n: number) => Uint8Array;

  constructor(column: ColumnName) {
    this.place = placeOf(column);
    const known: (Uint8Array | undefined)[] = [];
    this.with = n => (n < MOST_COUNTED ? (known[n] ??= pieceOf(column, n)) : pieceOf(column, n));
  }
}
