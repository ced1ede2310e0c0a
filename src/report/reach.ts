import type { Asker } from '../query/inquiry.ts';
import { counted } from '../record/figures.ts';
import { microsOf, tsOfMicros } from '../record/time.ts';
import { minute, type Span } from './frame.ts';
import { numberOf, textIn } from './rows.ts';

/** How far the records of a store reach, as seen from a clock. */
export interface Reach {
  /** Of records that are not later than the clock; null: there are none. */
  readonly span: { readonly oldest: string; readonly newest: string } | null;
  readonly later: Later | null;
}

/** Records from the future: a clock that is wrong, or a lie. One of them must not move a period that nobody named. */
export interface Later {
  readonly records: number;
  readonly newest: string;
}

/** Asks all records, whatever the period. `now` as records have times. */
export async function reachOf(asker: Asker, now: string): Promise<Reach> {
  const isLater = `ts >= '${justAfter(now)}'::TIMESTAMPTZ`;
  const [row] = await asker.all(`SELECT min(ts) FILTER (WHERE NOT ${isLater}) AS oldest,
    max(ts) FILTER (WHERE NOT ${isLater}) AS newest, count(*) FILTER (WHERE ${isLater}) AS records,
    max(ts) FILTER (WHERE ${isLater}) AS latest FROM records`);
  const [oldest, newest, latest] = ['oldest', 'newest', 'latest'].map(name => textIn(row?.[name]));
  return {
    span: oldest && newest ? { oldest, newest } : null,
    later: latest ? { records: numberOf(row, 'records'), newest: latest } : null,
  };
}

/** The end of a period of which `now` is a part. */
export const justAfter = (now: string): string => tsOfMicros(microsOf(now) + 1)!;

/** What Notes say of it. `isEmpty`: nothing lies in the period. */
export function reachNotes({ span, later }: Reach, { until }: Partial<Span>, isEmpty: boolean): string[] {
  return [
    ...(isEmpty && span
      ? [`The newest record of the store is of ${minute(span.newest)}, the oldest of ${minute(span.oldest)}.`]
      : []),
    ...(later
      ? [
          `${counted(later.records, 'record is', 'records are')} later than this host's clock, the newest of ${minute(later.newest)}${until === undefined ? `; without an --until that takes ${later.records === 1 ? 'it' : 'them'} in, ${later.records === 1 ? 'it is' : 'they are'} left out` : ''}.`,
        ]
      : []),
  ];
}
