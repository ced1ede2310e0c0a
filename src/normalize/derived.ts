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
const HASHES = {
  prompt: placeOf('prompt_hash'),
  completion: placeOf('completion_hash'),
  last_user: placeOf('last_user_hash'),
} as const;

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
    line.text(TS, ts);
    line.piece(QUALITY, this.#quality[quality]);
  }

  /** A time that stands in the source as it is to be written, its quotes from..to. */
  plainTime(line: Assembled, from: number, to: number): void {
    line.slice(TS, from, to);
    line.piece(QUALITY, this.#quality.exact);
  }

  hash(line: Assembled, kind: 'prompt' | 'completion' | 'last_user', hash: string): void {
    line.text(HASHES[kind], hash);
    line.piece(ALG, this.#alg);
  }

  /** Once all members are read: a count that was stated stands. */
  chars(line: Assembled, kind: 'prompt' | 'completion', chars: number): void {
    const { place, with: made } = this.#chars[kind];
    if (!line.has(place)) line.piece(place, made(chars));
  }

  rest(line: Assembled, eventId: string): void {
    for (const [place, piece] of this.#always) line.piece(place, piece);
    line.text(EVENT_ID, eventId);
    if (!line.has(EVENT_TYPE)) line.piece(EVENT_TYPE, this.#eventType);
    if (!line.has(STATUS)) line.piece(STATUS, this.#status);
    if ((line.has(INPUT) || line.has(OUTPUT)) && !line.has(USAGE)) line.piece(USAGE, this.#usage);
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
