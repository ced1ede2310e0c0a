import type { Cell } from '../duck/job.ts';
import { rowsTo } from '../duck/sink.ts';
import { query, type QueryOptions } from '../query/query.ts';
import { offsetMinutes } from '../record/zone.ts';
import type { Store } from '../store/store.ts';

/** What the records themselves say. Times are microseconds since 1970. */
export interface Found {
  /** Records of one segment, source and day. */
  readonly days: readonly FoundDay[];
  /** Two records of one source that follow each other, more than `floor` apart. */
  readonly gaps: readonly Gap[];
}

export interface FoundDay {
  readonly segment: number;
  readonly source: string;
  readonly day: string;
  readonly records: number;
  /** Of these, what the program itself has written. */
  readonly own: number;
  readonly first: number;
  readonly last: number;
}

export interface Gap {
  readonly source: string;
  readonly from: number;
  readonly to: number;
}

export interface Looked {
  readonly since?: string;
  /** Excluded. */
  readonly until?: string;
  readonly source?: string;
  /** Of days. */
  readonly zone: string;
}

/** Counts sealed records and finds gaps of more than `floor` microseconds. Throws what query() throws. */
export async function findRecords(
  store: Store,
  looked: Looked,
  floor: number,
  options: QueryOptions,
): Promise<Found> {
  const days: FoundDay[] = [];
  const gaps: Gap[] = [];
  const { sql, parameters } = questionOf(looked, floor);
  const { since, until } = looked;
  const question = {
    sql,
    parameters,
    ...(since !== undefined && { since }),
    ...(until !== undefined && { until }),
  };
  await query(
    store,
    question,
    options,
    rowsTo(row => take(row, days, gaps)),
  );
  return { days, gaps };
}

function take(
  [segment, source, day, records, from, to, own]: readonly Cell[],
  days: FoundDay[],
  gaps: Gap[],
): void {
  if (typeof source !== 'string') return;
  const [first, last] = [Number(from), Number(to)];
  if (typeof day !== 'string') gaps.push({ source, from: first, to: last });
  else
    days.push({
      segment: Number(segment),
      source,
      day,
      records: Number(records),
      own: Number(own),
      first,
      last,
    });
}

function questionOf(
  { source, zone }: Looked,
  floor: number,
): { sql: string; parameters: Record<string, string> } {
  const isOffset = zone === 'UTC' || /^[+-]/.test(zone);
  const minutes = zone === 'UTC' ? 0 : (offsetMinutes(zone) ?? 0);
  const wall = isOffset
    ? `timezone('UTC', ts) + to_minutes(${minutes}::BIGINT)`
    : 'timezone($zone::VARCHAR, ts)';
  const whose = source === undefined ? '' : 'AND source_id = $source::VARCHAR';
  const sql = `
    WITH told AS (
      SELECT seq, source_id, source_format, ts, strftime(${wall}, '%Y-%m-%d') AS day FROM records
      WHERE seq IS NOT NULL AND ts IS NOT NULL ${whose}),
    places AS (SELECT segment, first_seq FROM segments WHERE records > 0),
    counts AS (
      SELECT segment, source_id, day, count(*) AS n, count(*) FILTER (WHERE source_format = 'slmaudit') AS own, min(ts) AS a, max(ts) AS b
      FROM told ASOF JOIN places ON told.seq >= places.first_seq GROUP BY ALL),
    steps AS (SELECT source_id, lag(ts) OVER (PARTITION BY source_id ORDER BY ts) AS a, ts AS b FROM told)
    SELECT segment, source_id, day, n, epoch_us(a), epoch_us(b), own FROM counts
    UNION ALL
    SELECT NULL, source_id, NULL, NULL, epoch_us(a), epoch_us(b), NULL FROM steps WHERE epoch_us(b) - epoch_us(a) > ${floor}`;
  return {
    sql,
    parameters: { ...(source !== undefined && { source }), ...(!isOffset && { zone }) },
  };
}
