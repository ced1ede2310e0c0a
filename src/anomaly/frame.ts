import type { Asker, Row } from '../query/inquiry.ts';
import { microsOf, tsOfMicros } from '../record/time.ts';
import { textOf } from '../report/rows.ts';
import { HOUR_US } from './finding.ts';

/** What there is to be judged. Hours are counted from 1970. */
export interface Frame {
  readonly records: number;
  /** Of the first and the last record: microseconds since 1970. */
  readonly from: number;
  readonly to: number;
  /** Only what ends behind `since` and begins before `until` is told; what came before is what is usual. */
  readonly since: number;
  readonly until: number;
  /** Which type of record tells of a thing: where a proxy and a model server wrote of the same request, one of the two. */
  readonly told: Readonly<Record<Told, string | undefined>>;
}

export type Told = 'user_id' | 'client_ip' | 'model' | 'total_tokens' | 'latency_us' | 'prompt_hash';
const TOLD: readonly Told[] = ['user_id', 'client_ip', 'model', 'total_tokens', 'latency_us', 'prompt_hash'];

/** Records of the program's own asking say nothing of the service. */
export const OTHERS = "source_format <> 'slmaudit'";

export const HOUR_OF: string = `epoch_us(ts) // ${HOUR_US}`;

/** Condition: of that time, in microseconds since 1970, as parts of files can be left out by it. */
export const within = (from: number, to: number): string =>
  `ts >= '${tsOfMicros(Math.floor(from))}'::TIMESTAMPTZ AND ts < '${tsOfMicros(Math.ceil(to))}'::TIMESTAMPTZ`;

/** undefined: there is no record, or none in the span. */
export async function frameOf(
  asker: Asker,
  span: { readonly since?: string; readonly until?: string },
): Promise<Frame | undefined> {
  const rows =
    await asker.all(`SELECT event_type, count(*) AS n, min(epoch_us(ts)) AS first, max(epoch_us(ts)) AS last,
      ${TOLD.map(c => `count(${c === 'prompt_hash' ? 'hash_alg' : c}) AS ${c}`).join(', ')}
    FROM records WHERE ${OTHERS} GROUP BY event_type ORDER BY event_type`);
  if (rows.length === 0) return undefined;
  const least = (name: string): number => Math.min(...rows.map(r => Number(r[name])));
  const to = Math.max(...rows.map(r => Number(r['last'])));
  const since = span.since === undefined ? least('first') : microsOf(span.since);
  const until = span.until === undefined ? to + 1 : microsOf(span.until);
  if (since > to || until <= least('first')) return undefined;
  const requests = rows.filter(r => r['event_type'] === 'inference' || r['event_type'] === 'access');
  const typeOf = (column: Told): string | undefined => {
    const most = requests.toSorted((a, b) => Number(b[column]) - Number(a[column]) || order(a) - order(b))[0];
    return most && Number(most[column]) > 0 ? textOf(most, 'event_type') : undefined;
  };
  return {
    records: rows.reduce((sum, r) => sum + Number(r['n']), 0),
    from: least('first'),
    to,
    since,
    until,
    told: Object.fromEntries(TOLD.map(c => [c, typeOf(c)])) as Frame['told'],
  };
}

/** What is said where there is no frame. */
export const noneIn = ({ since, until }: { readonly since?: string; readonly until?: string }): string =>
  since === undefined && until === undefined ? 'there are no records' : 'there are no records in this time';

const order = (row: Row): number => (row['event_type'] === 'inference' ? 0 : 1);
