import type { Asker, Row } from '../query/inquiry.ts';
import { microsOf, tsOfMicros } from '../record/time.ts';
import { readWhen } from '../record/when.ts';
import { dayIn } from '../record/zone.ts';
import { textOf } from './rows.ts';

/** What a report is asked for. */
export interface Wanted {
  /** As records have times; `until` excluded. Not given: the last 7 full days of what the store has. */
  readonly since?: string;
  readonly until?: string;
  /** Whose days they are. */
  readonly zone: string;
}

export interface Span {
  readonly since: string;
  readonly until: string;
}

/** What a report is about: a period, the one before it, and what counts as a request. */
export interface Frame extends Span {
  readonly zone: string;
  /** As long, and right before; undefined where records don't reach back so far. */
  readonly before: Span | undefined;
  readonly bucket: 'hour' | 'day' | 'week' | 'quarter';
  /** When each begins, microseconds since 1970. */
  readonly edges: readonly number[];
  /** Of the store: access records, where it has no inference records. */
  readonly events: 'inference' | 'access';
  /** Of such records, in the whole store; undefined where it has none. */
  readonly has: { readonly oldest: string; readonly newest: string } | undefined;
  /** There are no records to take it from, and nobody named it: it is not to be told. */
  readonly isMadeUp: boolean;
  readonly notes: readonly string[];
}

const HOUR = 3_600_000_000;
const DAY = 24 * HOUR;
const DAYS = 7;
/** So long a period is told by the hour, by the day and by the week; beyond by quarters, of 13 weeks each. */
const MOST_HOURS = 3 * DAY;
const MOST_DAYS = 100 * DAY;
const MOST_WEEKS = 6 * 365 * DAY;
/** Records have no later times. */
const END = 7_258_118_399_000_000;

/** Which period a page is about, and which stands before it: see Frame. Throws what the asker throws. */
export async function frameOf(asker: Asker, { since, until, zone }: Wanted): Promise<Frame> {
  const kinds = await asker.all(`SELECT event_type, count(*) AS records, min(ts) AS oldest, max(ts) AS newest
    FROM records WHERE event_type IN ('inference', 'access') GROUP BY event_type`);
  const kind = kinds.find(k => k['event_type'] === 'inference') ?? kinds[0];
  const notes: string[] = [];
  if (kinds.length > 1)
    notes.push('Requests are inference records; access records, what a proxy saw of them, are not counted.');
  else if (kind?.['event_type'] === 'access')
    notes.push('There are no inference records: requests are access records, what a proxy saw of them.');
  const has = kind && { oldest: textOf(kind, 'oldest'), newest: textOf(kind, 'newest') };
  const days = new Days(zone);
  const asked = periodOf(since, until, has, days, notes);
  const period =
    since === undefined && until === undefined && has && (await isBare(asker, asked, kind))
      ? begun(has, days, notes)
      : asked;
  return {
    ...period,
    zone,
    before: beforeOf(period, has, days, notes),
    ...bucketsOf(period, days),
    events: kind?.['event_type'] === 'access' ? 'access' : 'inference',
    has,
    isMadeUp: has === undefined && until === undefined,
    notes,
  };
}

function periodOf(
  since: string | undefined,
  until: string | undefined,
  has: Frame['has'],
  days: Days,
  notes: string[],
): Span {
  if (since !== undefined && until !== undefined) return { since, until };
  if (until !== undefined) return { since: days.shifted(until, -DAYS), until };
  if (has === undefined) {
    const from = since ?? '1970-01-01T00:00:00.000000Z';
    return { since: from, until: days.shifted(from, DAYS) };
  }
  const newest = microsOf(has.newest);
  if (since !== undefined) {
    // To the end of what there is, in whole hours: a day that has only begun would look like a fall.
    const end = Math.max(Math.floor(newest / HOUR + 1) * HOUR, microsOf(since) + HOUR);
    notes.push(`The period ends with the newest record, ${minute(has.newest)}.`);
    return { since, until: tsOfMicros(end)! };
  }
  const last = days.startOf(has.newest);
  const next = days.shifted(last, 1);
  // Nights are quiet: a day with a record in its last hour is over.
  const end = microsOf(next) - newest <= HOUR ? next : last;
  if (has.oldest < end) return { since: days.shifted(end, -DAYS), until: end };
  notes.push('There is no full day yet: the period is the day that has begun.');
  return { since: last, until: next };
}

/** A period that nobody named is not one of nothing, as long as there is something. */
async function isBare(asker: Asker, { since, until }: Span, kind: Row): Promise<boolean> {
  const some =
    await asker.all(`SELECT 1 AS there FROM records WHERE event_type = '${textOf(kind, 'event_type')}'
    AND ts >= '${since}'::TIMESTAMPTZ AND ts < '${until}'::TIMESTAMPTZ LIMIT 1`);
  return some.length === 0;
}

function begun(has: NonNullable<Frame['has']>, days: Days, notes: string[]): Span {
  notes.push(`Nothing came in the ${DAYS} full days before: the period is the day that has begun.`);
  const since = days.startOf(has.newest);
  return { since, until: days.shifted(since, 1) };
}

function beforeOf(period: Span, has: Frame['has'], days: Days, notes: string[]): Span | undefined {
  const length = days.between(period);
  const since =
    length === undefined
      ? tsOfMicros(Math.max(0, 2 * microsOf(period.since) - microsOf(period.until)))!
      : days.shifted(period.since, -length);
  if (has === undefined) return undefined;
  if (has.oldest >= period.since) {
    notes.push(`There is no period before to compare with: the oldest record is of ${minute(has.oldest)}.`);
    return undefined;
  }
  // A quiet night at its beginning is no gap; a missing day is.
  if (microsOf(has.oldest) - microsOf(since) <= Math.min(DAY, (microsOf(period.since) - microsOf(since)) / 7))
    return { since, until: period.since };
  notes.push(
    `The period before is not whole, so nothing is compared with it: the oldest record is of ${minute(has.oldest)}.`,
  );
  return undefined;
}

const DAYS_OF = { day: 1, week: 7, quarter: 91 } as const;

function bucketFor(length: number): Frame['bucket'] {
  if (length <= MOST_HOURS) return 'hour';
  return length <= MOST_DAYS ? 'day' : length <= MOST_WEEKS ? 'week' : 'quarter';
}

function bucketsOf(period: Span, days: Days): Pick<Frame, 'bucket' | 'edges'> {
  const [from, to] = [microsOf(period.since), microsOf(period.until)];
  const bucket = bucketFor(to - from);
  const edges: number[] = [];
  const next = (at: number): number =>
    bucket === 'hour'
      ? at + HOUR
      : Math.max(at + HOUR, microsOf(days.shifted(tsOfMicros(at)!, DAYS_OF[bucket])));
  for (let at = from; at < to; at = next(at)) edges.push(at);
  return { bucket, edges };
}

/** Days of a zone: where clocks are changed, one has 23 or 25 hours. */
class Days {
  readonly #zone: string;

  constructor(zone: string) {
    this.#zone = zone;
  }

  startOf(ts: string): string {
    return this.#midnight(dayIn(this.#zone, microsOf(ts) / 1000));
  }

  /** The same time of day, so many days later. */
  shifted(ts: string, days: number): string {
    const start = this.startOf(ts);
    const clock = microsOf(ts) - microsOf(start);
    const noon = Math.max(0, microsOf(start) + days * DAY + 12 * HOUR);
    return tsOfMicros(Math.min(END, microsOf(this.startOf(tsOfMicros(Math.min(END, noon))!)) + clock))!;
  }

  /** Days between two midnights; undefined for other times. */
  between({ since, until }: Span): number | undefined {
    if (this.startOf(since) !== since || this.startOf(until) !== until) return undefined;
    return Math.round((microsOf(until) - microsOf(since)) / DAY);
  }

  #midnight(day: string): string {
    return readWhen(day, 0, this.#zone) ?? `${day}T00:00:00.000000Z`;
  }
}

/** `2026-05-01 14:03` */
export const minute = (ts: string): string => `${ts.slice(0, 10)} ${ts.slice(11, 16)}`;
