import { FAILED } from '../record/schema.ts';
import type { Cell } from '../duck/job.ts';
import { tsOfMicros } from '../record/time.ts';
import { clockIn } from '../record/zone.ts';
import type { Frame } from './frame.ts';
import type { Point } from './page.ts';

/** A frame as SQL: whose records, and the place of each in time. */

const instant = (ts: string): string => `'${ts}'::TIMESTAMPTZ`;

/** Condition: a request of the period or the one before. */
export const inFrame = (frame: Frame): string => `event_type = '${frame.events}' AND ${inTime(frame)}`;

/** Condition: any record of the period or the one before. */
export const inTime = ({ since, until, before }: Pick<Frame, 'since' | 'until' | 'before'>): string =>
  `ts >= ${instant(before?.since ?? since)} AND ts < ${instant(until)}`;

/** Condition: a request of the period itself. */
export const inPeriod = (frame: Frame): string => inFrame({ ...frame, before: undefined });

/** Number of the bucket that a record falls into, from 0; -1 in the period before. */
export function bucketOf({ since, bucket, edges }: Frame): string {
  const width = WIDTHS[bucket];
  const first = edges[0]!;
  // Buckets have the same width but for those in which clocks were changed: what is behind these is shifted.
  const shifts: string[] = [];
  let shift = 0;
  for (const [i, edge] of edges.entries()) {
    const other = edge - first - i * width;
    if (other === shift) continue;
    shifts.unshift(`WHEN epoch_us(ts) >= ${edge - Math.max(0, other - shift)} THEN ${other}`);
    shift = other;
  }
  const moved = shifts.length === 0 ? '' : ` - CASE ${shifts.join(' ')} ELSE 0 END`;
  return `CASE WHEN ts >= ${instant(since)} THEN (epoch_us(ts) - ${first}${moved}) // ${width} ELSE -1 END`;
}

const HOUR = 3_600_000_000;
const WIDTHS = { hour: HOUR, day: 24 * HOUR, week: 168 * HOUR, quarter: 91 * 24 * HOUR } as const;

/** Sums that every part of the traffic has. */
export const SUMS: string = `count(*) AS requests, count(*) FILTER (WHERE ${FAILED}) AS failed,
  sum(input_tokens) AS input, sum(output_tokens) AS output, sum(cost_microusd) AS cost`;

/** Numbers of buckets, as pairs of a bucket's number and value, with `none` where there is none. */
export function spread<None extends number | null>(
  frame: Frame,
  pairs: Cell | undefined,
  none: None,
): (number | None)[] {
  const values: (number | None)[] = frame.edges.map(() => none);
  if (!Array.isArray(pairs)) return values;
  for (const pair of pairs) {
    const [at, value] = pair as [Cell, Cell];
    const place = Number(at);
    if (place >= 0 && place < values.length && value !== null) values[place] = Number(value);
  }
  return values;
}

/** When each bucket begins, as records have times. */
export const startsOf = (frame: Frame): string[] =>
  frame.isMadeUp ? [] : frame.edges.map(edge => tsOfMicros(edge)!);

/** Values of buckets for a plot, at times as the clocks of the report's zone show them. */
export const pointsOf = (frame: Frame, values: readonly (number | null)[]): Point[] =>
  frame.edges.map((edge, i) => ({ at: clockIn(frame.zone, edge / 1000), value: values[i] ?? null }));
