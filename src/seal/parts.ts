import { DEFAULT_CLASS } from '../log/policy.ts';
import type { Segment } from '../log/segment.ts';
import { bySource, emptyTally, type SourceTally } from '../log/tally.ts';
import { CompactTree } from '../merkle/tree.ts';
import { tsOfMicros } from '../record/time.ts';

/** One of the segments that an open segment is sealed as, a class each: all that its manifest will say, but its place in the log. */
export interface Part extends Pick<
  Segment,
  'class' | 'part' | 'span' | 'lines' | 'damaged' | 'sources' | 'retried'
> {
  readonly records: number;
  readonly root: Buffer;
  readonly rejected: number;
}

/** What an open segment holds of one class. */
export class Share {
  readonly tree: CompactTree = new CompactTree();
  /** Records of each source, by its number. */
  readonly records: Map<number, number> = new Map();
  #earliest = Infinity;
  #latest = -Infinity;

  /** The leaf is the 32 bytes of `leaves` at `from`. `micros`: its `ts`; NaN if it has none, and then there is no span. */
  add(leaves: Uint8Array, from: number, micros: number): void {
    this.tree.add(leaves, from);
    this.#earliest = Math.min(this.#earliest, micros);
    this.#latest = Math.max(this.#latest, micros);
  }

  /** So many of them are of a source. */
  count(source: number, records: number): void {
    this.records.set(source, (this.records.get(source) ?? 0) + records);
  }

  get span(): { readonly from: string; readonly to: string } | undefined {
    if (!Number.isFinite(this.#earliest) || !Number.isFinite(this.#latest)) return undefined;
    const [from, to] = [tsOfMicros(this.#earliest), tsOfMicros(this.#latest)];
    return from !== undefined && to !== undefined ? { from, to } : undefined;
  }
}

/** What is said of an open segment once, whatever the classes of its records are. */
export interface Whole extends Pick<Part, 'rejected' | 'damaged' | 'sources' | 'retried'> {
  /** What became of each source's lines, by its number; how many records they gave is the business of shares. */
  readonly lines: ReadonlyMap<number, SourceTally>;
}

/**
 * The segments that an open segment is to be sealed as, in their order: `default` first if it has records or if lines were
 * rejected, the others by name. The first carries what is about the open segment as a whole, so that the ranges of files and
 * the counts of lines are in the log at once. The same frames give the same parts: a killed sealing is finished by that.
 */
export function partsOf(whole: Whole, shares: ReadonlyMap<string, Share>): Part[] {
  const held = [...shares].filter(([, share]) => share.tree.size > 0).map(([name]) => name);
  const others = held.filter(name => name !== DEFAULT_CLASS).sort();
  const isPlain = others.length < held.length || whole.rejected > 0 || held.length === 0;
  const names = isPlain ? [DEFAULT_CLASS, ...others] : others;
  return names.map((name, index) => {
    const share = shares.get(name) ?? new Share();
    const { tree, span } = share;
    const { rejected, damaged, sources, retried } = index === 0 ? whole : NOTHING;
    return {
      class: name,
      ...(names.length > 1 && { part: { index, of: names.length } }),
      records: tree.size,
      root: tree.root(),
      ...(span && { span }),
      rejected,
      lines: bySource(talliesOf(whole, share, index === 0)),
      damaged,
      sources,
      retried,
    };
  });
}

const NOTHING: Omit<Whole, 'lines'> = { rejected: 0, damaged: 0, sources: [], retried: [] };

function* talliesOf({ lines }: Whole, { records }: Share, isFirst: boolean): Generator<SourceTally> {
  for (const [source, tally] of lines) {
    const own = records.get(source) ?? 0;
    if (isFirst) yield { ...tally, records: own };
    else if (own > 0) yield { ...emptyTally(), source: tally.source, records: own };
  }
}
