import { FAILED } from '../record/schema.ts';
import type { Asker, Row } from '../query/inquiry.ts';
import { HOUR_US } from './finding.ts';
import { type Frame, HOUR_OF, OTHERS } from './frame.ts';

/** Counts of each hour, by what wrote and what answered: small however many records there are. */
export async function keepHours(asker: Asker): Promise<void> {
  await asker.keep(
    'an_hours',
    `SELECT ${HOUR_OF} AS hour, source_id, event_type, model, model_version, count(*) AS n,
      count(*) FILTER (${FAILED}) AS failed
    FROM records WHERE ${OTHERS} GROUP BY ALL`,
  );
}

export const hourAt = (micros: number): number => Math.floor(micros / HOUR_US);

/** Counts of hours one after another. */
export interface Series {
  /** Hour since 1970 of the first. */
  readonly first: number;
  /** null: a day and longer nothing came at all, so that nothing is known of it. */
  readonly values: readonly (number | null)[];
}

/** Longer than that, nothing at all says more of the log than of the service. */
const HOLE_HOURS = 24;

/** Times in which nothing came at all for a day or longer, as hours, `to` excluded. */
export interface Hole {
  readonly from: number;
  readonly to: number;
}

export async function holesOf(asker: Asker, frame: Frame): Promise<readonly Hole[]> {
  const rows = await asker.all(`SELECT "before", hour FROM (
      SELECT lag(hour) OVER (ORDER BY hour) AS "before", hour FROM (SELECT DISTINCT hour FROM an_hours))
    WHERE hour - "before" > ${HOLE_HOURS} ORDER BY hour`);
  return rows
    .map(r => ({ from: Number(r['before']) + 1, to: Number(r['hour']) }))
    .filter(h => h.to * HOUR_US > frame.from);
}

/** Rows of `hour` and a count as a series from the first of them to the end of all; hours without a row had none. */
export function seriesOf(
  rows: readonly Row[],
  { frame, holes, column = 'n' }: { frame: Frame; holes: readonly Hole[]; column?: string },
): Series {
  const last = hourAt(frame.to);
  const first = rows.reduce((least, r) => Math.min(least, Number(r['hour'])), last);
  const values: (number | null)[] = Array.from({ length: last - first + 1 }, () => 0);
  for (const row of rows) values[Number(row['hour']) - first] = Number(row[column]);
  for (const { from, to } of holes) if (to > first) values.fill(null, Math.max(0, from - first), to - first);
  return { first, values };
}
