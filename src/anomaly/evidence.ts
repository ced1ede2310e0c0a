import type { Asker, Row } from '../query/inquiry.ts';
import { onsetOf } from '../stats/onset.ts';
import { textOf } from '../report/rows.ts';
import { type Candidate, type EntityColumn, HOUR_US } from './finding.ts';
import { within } from './frame.ts';

/** Who and what a finding is made of. */
export interface Contributor {
  readonly column: Dimension;
  readonly value: string;
  readonly records: number;
  /** Of the finding's records, 0 to 1; and of those of the same kind in the week before. */
  readonly share: number;
  readonly share_before: number | null;
}

export interface Evidence {
  readonly records: number;
  /** Of the first three and the last two. */
  readonly events: readonly string[];
  /** Of the first and last: microseconds since 1970; undefined without records. */
  readonly first?: number;
  readonly last?: number;
  readonly contributors: readonly Contributor[];
}

const DIMENSIONS = [
  'user_id',
  'client_ip',
  'api_key_id',
  'model',
  'model_version',
  'user_agent',
  'error_type',
  'source_id',
  'prompt_hash',
] as const;
type Dimension = (typeof DIMENSIONS)[number];
const MOST = 3;
const LEAST_SHARE = 0.1;
const WEEK_US = 168 * HOUR_US;

/** The records that a finding is about, as a condition with its parameters. */
export function about(
  { entity, where }: Pick<Candidate, 'entity' | 'where'>,
  from: number,
  to: number,
): { readonly sql: string; readonly parameters: Record<string, string> } {
  const columns = Object.entries(entity);
  return {
    sql: [within(from, to), where, ...columns.map(([column]) => `${column} = $${column}`)].join(' AND '),
    parameters: Object.fromEntries(columns),
  };
}

/** Looks at the records of a finding; of one that is about nothing having come there are none. */
export async function evidenceOf(asker: Asker, finding: Candidate): Promise<Evidence> {
  const { sql, parameters } = about(finding, finding.from, finding.to);
  const known = new Set(Object.keys(finding.entity));
  const columns = DIMENSIONS.filter(c => !known.has(c));
  const rows = await asker.all(
    `WITH sel AS (SELECT ${DIMENSIONS.join(', ')}, ts, event_id FROM records WHERE ${sql}),
    tops AS (${columns
      .map(
        c => `(SELECT '${c}' AS name, ${c} AS value, count(*) AS n FROM sel WHERE ${c} IS NOT NULL GROUP BY ${c}
        ORDER BY n DESC, value LIMIT ${MOST})`,
      )
      .join(' UNION ALL ')})
    SELECT name, value, n, NULL AS firsts, NULL AS lasts, NULL AS first, NULL AS last FROM tops
    UNION ALL SELECT NULL, NULL, count(*), min_by(event_id, ts, 3), max_by(event_id, ts, 2), min(epoch_us(ts)), max(epoch_us(ts)) FROM sel`,
    parameters,
  );
  const whole = rows.find(r => r['name'] === null)!;
  const records = Number(whole['n']);
  if (records === 0) return { records, events: [], contributors: [] };
  const contributors = rows
    .filter(r => r['name'] !== null && Number(r['n']) >= LEAST_SHARE * records)
    .map(r => ({
      column: r['name'] as Dimension,
      value: textOf(r, 'value'),
      records: Number(r['n']),
      share: Number(r['n']) / records,
      share_before: null,
    }));
  return {
    records,
    events: [...new Set([...textsOf(whole['firsts']), ...textsOf(whole['lasts']).toReversed()])],
    first: Number(whole['first']),
    last: Number(whole['last']),
    contributors: contributors.toSorted(
      (a, b) => DIMENSIONS.indexOf(a.column) - DIMENSIONS.indexOf(b.column) || b.records - a.records,
    ),
  };
}

const textsOf = (cell: Row[string] | undefined): string[] => (Array.isArray(cell) ? cell.map(String) : []);

/** What shares the same had in the week before, of records of the same kind, whoever's. */
export async function sharesBefore(
  asker: Asker,
  finding: Candidate,
  contributors: readonly Contributor[],
): Promise<Contributor[]> {
  if (contributors.length === 0) return [];
  const parameters = Object.fromEntries(contributors.map((c, i) => [`v${i}`, c.value]));
  const counts = contributors.map((c, i) => `count(*) FILTER (${c.column} = $v${i}) AS n${i}`);
  const [row] = await asker.all(
    `SELECT count(*) AS n, ${counts.join(', ')} FROM records
    WHERE ${finding.where} AND ${within(Math.max(0, finding.from - WEEK_US), finding.from)}`,
    parameters,
  );
  const all = Number(row!['n']);
  return contributors.map((c, i) => ({ ...c, share_before: all === 0 ? null : Number(row![`n${i}`]) / all }));
}

/** Values whose share is at least half. */
export function ownersOf({ contributors }: Evidence): Partial<Record<EntityColumn, string>> {
  const owners: Partial<Record<EntityColumn, string>> = {};
  for (const { column, value, share } of contributors)
    if (share >= 0.5 && (column === 'user_id' || column === 'client_ip')) owners[column] = value;
  return owners;
}

const STEP_US = 300_000_000;
const STEPS_BEFORE = 72;

/** When its records began to come more often, to five minutes and the record: looked for from six hours before it was told. */
export async function onsetIn(asker: Asker, finding: Candidate): Promise<number | undefined> {
  const begin = finding.from - STEPS_BEFORE * STEP_US;
  const { sql, parameters } = about(finding, begin, finding.to);
  const rows = await asker.all(
    `SELECT (epoch_us(ts) - ${begin}) // ${STEP_US} AS step, count(*) AS n, min(epoch_us(ts)) AS first FROM records
    WHERE ${sql} GROUP BY step ORDER BY step`,
    parameters,
  );
  const length = Math.ceil((finding.to - begin) / STEP_US);
  const counts = Array.from({ length }, () => 0);
  for (const row of rows) counts[Number(row['step'])] = Number(row['n']);
  // Up to where most came within half an hour: behind it, they may have become fewer again.
  let [peak, most] = [0, -1];
  for (let i = STEPS_BEFORE; i < length; i++) {
    const sum = counts.slice(Math.max(0, i - 5), i + 1).reduce((a, b) => a + b, 0);
    if (sum > most) [peak, most] = [i, sum];
  }
  const before = counts.slice(0, STEPS_BEFORE).reduce((a, b) => a + b, 0) / STEPS_BEFORE;
  const during = counts.slice(STEPS_BEFORE).reduce((a, b) => a + b, 0) / (length - STEPS_BEFORE);
  const at = onsetOf(counts.slice(0, peak + 1), Math.min(before, during / 2), during);
  const row = rows.find(r => Number(r['step']) >= at);
  return row && Number(row['first']);
}
