import { type Range, rangesOf } from '../log/ranges.ts';
import type { JobSegment } from '../duck/job.ts';
import { rowsTo } from '../duck/sink.ts';
import { query, type Question, type QueryOptions } from '../query/query.ts';
import type { Store } from '../store/store.ts';

/** Where the records are that a condition names. */
export interface Resolved {
  readonly ranges: readonly Range[];
  readonly records: number;
  /** Records that are not sealed yet: no segment holds them. */
  readonly unsealed: number;
  /** Entries of the log that was asked. */
  readonly size: number;
}

/** Asks the records which segments hold what a condition in SQL names. Throws what query() throws. */
export async function segmentsWith(
  store: Store,
  { sql, ...question }: Question,
  options: QueryOptions,
): Promise<Resolved> {
  const seqs: number[] = [];
  let unsealed = 0;
  const { segments, head } = await query(
    store,
    { sql: `SELECT seq FROM records WHERE ${sql}`, ...question },
    options,
    rowsTo(([seq]) => {
      if (seq === null || seq === undefined) unsealed++;
      else seqs.push(Number(seq));
    }),
  );
  const filled = segments.filter(s => s.records > 0).toSorted((a, b) => a.first - b.first);
  const found = new Set(seqs.map(seq => segmentOf(seq, filled)));
  return { ranges: rangesOf(found), records: seqs.length, unsealed, size: head.size };
}

/** `filled`: segments with records, in their order; the record is in one of them. */
function segmentOf(seq: number, filled: readonly Pick<JobSegment, 'segment' | 'first'>[]): number {
  let [low, high] = [0, filled.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (filled[middle]!.first <= seq) low = middle;
    else high = middle - 1;
  }
  return filled[low]!.segment;
}
