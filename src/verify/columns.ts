import type { SealedSegment } from '../log/inventory.ts';
import { owned } from '../log/line.ts';
import { HASH_BYTES } from '../merkle/tree.ts';
import { microsOf, tsOfMicros } from '../record/time.ts';

/** What is asked of a segment once its manifest was read. */
export interface Verified extends Pick<
  SealedSegment,
  'segment' | 'class' | 'policy' | 'entry' | 'at' | 'records' | 'root' | 'damaged'
> {
  readonly span?: SealedSegment['span'] | undefined;
  readonly payload?: SealedSegment['payload'] | undefined;
  readonly rejected?: SealedSegment['rejected'] | undefined;
}

/** Segments whose columns lie together. */
const ROWS = 4096;
const NUMBERS = ['segment', 'policy', 'entry', 'records', 'damaged', 'bytes', 'at', 'from', 'to'] as const;
/** Root and payload. */
const HASHES = 2 * HASH_BYTES;
const NONE = -1;
/** Column of the first time. */
const AT = NUMBERS.indexOf('at');

/**
 * Segments as columns: a log of half a million holds each in 140 bytes outside the heap, where the objects that a manifest is parsed into
 * take 8 KB, since every text cut from a note keeps the whole note.
 */
export class Columns {
  #block = new Block();
  #rows = ROWS;

  /** The segment, held here. */
  add(segment: SealedSegment): Verified {
    if (this.#rows === ROWS) [this.#block, this.#rows] = [new Block(), 0];
    const row = this.#rows++;
    this.#block.set(row, segment);
    return new Row(this.#block, row);
  }
}

class Block {
  readonly numbers = new Float64Array(ROWS * NUMBERS.length);
  readonly hashes: Buffer = Buffer.alloc(ROWS * HASHES);
  /** Few names, again and again. */
  readonly classes: string[] = [];
  /** By place among the numbers: times that microseconds don't say, those outside [1970, 2200). */
  readonly times = new Map<number, string>();
  /** By row; few segments have some. */
  readonly rejected = new Map<number, NonNullable<SealedSegment['rejected']>>();

  set(row: number, { class: name, at, span, root, payload, rejected, ...of }: SealedSegment): void {
    const { segment, policy, entry, records, damaged } = of;
    const bytes = payload?.bytes ?? NONE;
    const first = row * NUMBERS.length;
    this.numbers.set([segment, policy, entry, records, damaged, bytes], first);
    this.#keep(first + AT, at);
    if (span) this.#keep(first + AT + 1, span.from);
    if (span) this.#keep(first + AT + 2, span.to);
    this.hashes.set(root, row * HASHES);
    if (payload) this.hashes.write(payload.sha256, row * HASHES + HASH_BYTES, 'hex');
    this.classes.push(interned(name));
    if (rejected) this.rejected.set(row, { ...rejected, sha256: owned(rejected.sha256) });
  }

  #keep(place: number, time: string): void {
    // Parsing has seen that it is a real time.
    if (time >= '1970' && time < '2200') this.numbers[place] = microsOf(time);
    else this.times.set(place, owned(time));
  }
}

class Row implements Verified {
  readonly #block: Block;
  readonly #row: number;

  constructor(block: Block, row: number) {
    this.#block = block;
    this.#row = row;
  }

  get segment(): number {
    return this.#number(0);
  }
  get policy(): number {
    return this.#number(1);
  }
  get entry(): number {
    return this.#number(2);
  }
  get records(): number {
    return this.#number(3);
  }
  get damaged(): number {
    return this.#number(4);
  }
  get class(): string {
    return this.#block.classes[this.#row]!;
  }
  get at(): string {
    return this.#time(AT);
  }
  get span(): SealedSegment['span'] | undefined {
    // Span and payload stand exactly where records do (SPEC 4).
    return this.#number(5) === NONE ? undefined : { from: this.#time(AT + 1), to: this.#time(AT + 2) };
  }
  get root(): Buffer {
    return Buffer.from(this.#hash(0));
  }
  get payload(): SealedSegment['payload'] | undefined {
    const bytes = this.#number(5);
    return bytes === NONE ? undefined : { sha256: this.#hash(1).toString('hex'), bytes };
  }
  get rejected(): SealedSegment['rejected'] | undefined {
    return this.#block.rejected.get(this.#row);
  }

  #number(column: number): number {
    return this.#block.numbers[this.#row * NUMBERS.length + column]!;
  }
  #time(column: number): string {
    const place = this.#row * NUMBERS.length + column;
    return this.#block.times.get(place) ?? tsOfMicros(this.#block.numbers[place]!)!;
  }
  #hash(column: number): Buffer {
    const from = this.#row * HASHES + column * HASH_BYTES;
    return this.#block.hashes.subarray(from, from + HASH_BYTES);
  }
}

const names = new Map<string, string>();

function interned(name: string): string {
  const known = names.get(name);
  if (known !== undefined) return known;
  const own = owned(name);
  names.set(own, own);
  return own;
}
