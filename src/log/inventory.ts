import type { Entry } from './entry.ts';
import type { Range } from './ranges.ts';
import { newer } from './reader.ts';
import { type Compact, parseCompact, parsePrune, parseRedact, type Prune, type Redact } from './restate.ts';
import { parseSegment, type Segment } from './segment.ts';

/**
 * A segment as the log states it: the manifest's own lines, and the entry that carries them. Which bytes of which files it was read from
 * is a seventh of all that, and nobody asks a segment for it.
 */
export interface SealedSegment extends Omit<Segment, 'sources'> {
  readonly entry: number;
  readonly at: string;
  readonly records: number;
  readonly root: Buffer;
}

/** A file of records. */
export interface PayloadFile {
  readonly sha256: string;
  readonly bytes: number;
  /** The segments it holds, whole and in this order: from the smallest on. */
  readonly segments: readonly number[];
  /** The entry that states it: a manifest, or one that restates. */
  readonly entry: number;
  /** A digest that a later key signed: the records' roots must be computed again before it is believed. */
  readonly isRestated: boolean;
}

/** What is wrong with an entry that restates or deletes; a reader that goes on all the same reads less, never more. */
export type Misstated =
  /** It names a segment or rows that there are not, or that were deleted before. */
  | { readonly why: 'unknown'; readonly segment: number }
  /** It takes a part of a file and leaves the rest unsaid. */
  | { readonly why: 'partly'; readonly segment: number }
  /** It puts into one file what differs in class or day of sealing. */
  | { readonly why: 'mixed'; readonly segment: number };

/** As much of a segment as tells where it lies. */
export interface Placed extends Pick<SealedSegment, 'segment' | 'class' | 'at' | 'entry' | 'records'> {
  readonly payload?: SealedSegment['payload'] | undefined;
}

/** A file as a segment's own manifest states it: a log has half a million, and what they say stands in the segment. */
class OwnFile implements PayloadFile {
  readonly isRestated = false;
  readonly #of: Placed;

  constructor(of: Placed) {
    this.#of = of;
  }
  get sha256(): string {
    return this.#of.payload!.sha256;
  }
  get bytes(): number {
    return this.#of.payload!.bytes;
  }
  get segments(): readonly number[] {
    return [this.#of.segment];
  }
  get entry(): number {
    return this.#of.entry;
  }
}

/** The kinds of entries that say nothing of where records lie. */
const OTHERS: ReadonlySet<string> = new Set(['genesis', 'rekey', 'recordkey', 'policy', 'hold', 'release']);

/**
 * Which files hold which segments once so many entries were read: what manifests stated, as `compact`, `prune` and
 * `redact` have restated it since (SPEC 4). Readers go by this, never by a listing of a folder.
 */
export class Inventory<S extends Placed = SealedSegment> {
  /** In the order of the log. */
  readonly segments: S[];
  /** The file of each segment that has records still. */
  readonly files: Map<number, PayloadFile>;
  /** Segments that were deleted, and the entry that said so. */
  readonly pruned: Map<number, number>;
  /** Rows of which only the leaf hash is left, by segment, counted from 0. */
  readonly redacted: Map<number, Range[]>;
  /** Segments whose rejected lines were deleted by a redaction. */
  readonly unquarantined: Set<number>;
  /** Restated files that a later entry has restated again, or deleted. */
  readonly superseded: PayloadFile[] = [];
  /** Those whose number is not their place, as in no good log. */
  readonly #odd = new Map<number, S>();
  readonly #of: (segment: SealedSegment) => S;

  constructor(of: (segment: SealedSegment) => S, from: Partial<Snapshot<S>> = {}) {
    this.#of = of;
    this.segments = [...(from.segments ?? [])];
    this.pruned = new Map(from.pruned);
    this.redacted = new Map(from.redacted);
    this.unquarantined = new Set(from.unquarantined);
    this.files = new Map();
    for (const [place, segment] of this.segments.entries()) this.#own(segment, place);
    for (const segment of this.pruned.keys()) this.files.delete(segment);
    for (const file of from.restated ?? []) for (const n of file.segments) this.files.set(n, file);
  }

  /** What a constructor makes the same of again; JSON. */
  snapshot(): Snapshot<S> {
    return {
      segments: this.segments,
      restated: this.payloadFiles().filter(f => f.isRestated),
      pruned: [...this.pruned],
      redacted: [...this.redacted],
      unquarantined: [...this.unquarantined],
    };
  }

  /** Every file once, in the order of its first segment. */
  payloadFiles(): PayloadFile[] {
    return [...new Set(this.segments.map(s => this.files.get(s.segment)))].filter(f => f !== undefined);
  }

  /** Takes the next entry. Throws ENTRY_MALFORMED; WRITTEN_BY_NEWER for a kind that isn't known: none may be skipped. */
  add(entry: Entry): Misstated[] {
    if (entry.version !== 1) throw newer(`entry ${entry.index} of kind ${entry.kind}/v${entry.version}`);
    switch (entry.kind) {
      case 'segment': {
        const { sources: _, ...sealed } = sealedSegment(entry);
        this.seal(sealed);
        return [];
      }
      case 'compact':
        return this.restate(entry.index, parseCompact(entry), []);
      case 'prune':
        return this.prune(entry.index, parsePrune(entry));
      case 'redact':
        return this.redact(entry.index, parseRedact(entry));
      default:
        if (OTHERS.has(entry.kind)) return [];
        throw newer(`entry ${entry.index} of kind ${entry.kind}`);
    }
  }

  prune(entry: number, { pruned, files }: Pick<Prune, 'pruned' | 'files'>): Misstated[] {
    const gone = pruned.flatMap(p => [...this.present(p.segments)]);
    const wrong = pruned.flatMap(p => this.#unknown(p.segments));
    wrong.push(...this.restate(entry, { files }, gone));
    for (const segment of gone) {
      this.files.delete(segment);
      this.pruned.set(segment, entry);
    }
    return wrong;
  }

  redact(
    entry: number,
    { rows, quarantine, files }: Pick<Redact, 'rows' | 'quarantine' | 'files'>,
  ): Misstated[] {
    const wrong = this.restate(entry, { files }, []);
    for (const { segment, rows: some } of rows) {
      const before = this.redacted.get(segment) ?? [];
      // A forged range could be of any length, and rows that are listed twice are in no file twice.
      const isOdd =
        this.files.get(segment)?.entry !== entry || !fits(some, before, this.get(segment)!.records);
      if (isOdd) wrong.push({ why: 'unknown', segment });
      else this.redacted.set(segment, [...before, ...some]);
    }
    wrong.push(...this.#unknown(quarantine));
    for (const segment of this.present(quarantine)) this.unquarantined.add(segment);
    return wrong;
  }

  /** `besides`: segments that the same entry deletes. */
  restate(entry: number, { files }: Compact, besides: readonly number[]): Misstated[] {
    const wrong: Misstated[] = [];
    const named = new Set(besides);
    const touched = new Set(besides.map(n => this.files.get(n)));
    const made = files.map(({ segments: ranges, sha256, bytes }): PayloadFile => {
      wrong.push(...this.#unknown(ranges));
      const segments = [...this.present(ranges)].filter(n => this.files.has(n));
      const [first] = segments;
      for (const n of segments) {
        if (named.has(n)) wrong.push({ why: 'unknown', segment: n });
        if (!isAlike(this.get(first!)!, this.get(n)!)) wrong.push({ why: 'mixed', segment: n });
        named.add(n);
        touched.add(this.files.get(n));
      }
      return { sha256, bytes, segments, entry, isRestated: true };
    });
    for (const file of touched)
      for (const n of file?.segments ?? []) if (!named.has(n)) wrong.push({ why: 'partly', segment: n });
    for (const file of touched) if (file?.isRestated) this.superseded.push(file);
    for (const file of made) for (const n of file.segments) this.files.set(n, file);
    return wrong;
  }

  /** Are there rejected lines of a segment still? */
  hasRejected({
    segment,
    rejected,
  }: {
    readonly segment: number;
    readonly rejected?: object | undefined;
  }): boolean {
    return rejected !== undefined && !this.pruned.has(segment) && !this.unquarantined.has(segment);
  }

  seal(sealed: SealedSegment): void {
    const segment = this.#of(sealed);
    this.#own(segment, this.segments.push(segment) - 1);
  }

  /** Undefined where there is none of that number. */
  get(segment: number): S | undefined {
    const odd = this.#odd.get(segment);
    if (odd) return odd;
    const own = this.segments[segment];
    return own?.segment === segment ? own : undefined;
  }

  #own(stated: S, place: number): void {
    const { segment, payload } = stated;
    // Of two with one number the later one counts.
    if (segment === place) this.#odd.delete(segment);
    else this.#odd.set(segment, stated);
    if (payload) this.files.set(segment, new OwnFile(stated));
  }

  /** Of ranges, the segments that there are and that were not deleted: a forged one could be of any length. */
  *present(ranges: readonly Range[]): Generator<number> {
    for (const n of this.#stated(ranges)) if (!this.pruned.has(n)) yield n;
  }

  /** The numbers in ranges under which a segment was sealed. */
  *#stated(ranges: readonly Range[]): Generator<number> {
    const places = this.segments.length;
    const beyond = [...this.#odd.keys()].filter(n => n >= places).toSorted((a, b) => a - b);
    for (const [from, to] of ranges) {
      for (let n = from; n <= Math.min(to, places - 1); n++) if (this.get(n)) yield n;
      for (const n of beyond) if (n >= from && n <= to) yield n;
    }
  }

  /** Of each range, those that were deleted, and the first that never was. */
  #unknown(ranges: readonly Range[]): Misstated[] {
    const wrong: Misstated[] = [];
    for (const range of ranges) {
      let [next] = range;
      for (const n of this.#stated([range])) {
        if (n === next) next++;
        if (this.pruned.has(n)) wrong.push({ why: 'unknown', segment: n });
      }
      if (next <= range[1]) wrong.push({ why: 'unknown', segment: next });
    }
    return wrong;
  }
}

export interface Snapshot<S> {
  readonly segments: readonly S[];
  readonly restated: readonly PayloadFile[];
  readonly pruned: readonly (readonly [number, number])[];
  readonly redacted: readonly (readonly [number, Range[]])[];
  readonly unquarantined: readonly number[];
}

const fits = (rows: readonly Range[], before: readonly Range[], records: number): boolean =>
  rows.every(([from, to]) => to < records && before.every(([low, high]) => to < low || from > high));

type Kind = Pick<SealedSegment, 'class' | 'at'>;

const isAlike = (a: Kind, b: Kind): boolean => a.class === b.class && a.at.slice(0, 10) === b.at.slice(0, 10);

/** Throws ENTRY_MALFORMED, WRITTEN_BY_NEWER. */
export function sealedSegment(entry: Entry): SealedSegment & Segment {
  const segment = parseSegment(entry);
  const { count, root } = entry.records!;
  return { ...segment, entry: entry.index, at: entry.at, records: count, root };
}
