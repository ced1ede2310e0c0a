import { FAILED } from '../record/schema.ts';
import type { Asker, Row } from '../query/inquiry.ts';
import type { Frame } from './frame.ts';
import { numberIn, numberOf, textIn } from './rows.ts';
import { bucketOf, inFrame, inPeriod, spread, SUMS } from './scope.ts';

/** A part of the traffic: what has one name in a column, in the period and before. */
export interface Part {
  /** Null: of those that have none. */
  readonly name: string | null;
  readonly requests: number;
  readonly failed: number;
  readonly input_tokens: number | null;
  readonly output_tokens: number | null;
  readonly cost_microusd: number | null;
  /** Null where there is no period before. */
  readonly before: { readonly requests: number; readonly failed: number } | null;
  /** Requests by bucket; in `report failures`, of users and of what moved, failed ones. */
  readonly by: readonly number[];
}

export type PartsBy = 'requests' | 'failed';

/** What the parts are sorted by, the most first. */
export type Order = 'requests' | 'failed' | 'tokens' | 'cost' | 'moved' | 'moved_failed';

const ORDERS: Readonly<Record<Order, string>> = {
  requests: 'requests',
  failed: 'failed',
  tokens: 'coalesce(input, 0) + coalesce(output, 0)',
  cost: 'coalesce(cost, 0)',
  moved: 'abs(requests - requests_before)',
  moved_failed: 'abs(failed - failed_before)',
};

/**
 * Parts by a column of a table that was kept, with columns `bucket` and SUMS: the first `limit`, of those of which there is
 * something to tell.
 */
export async function partsOf(
  asker: Asker,
  frame: Frame,
  table: string,
  column: string,
  order: Order,
  limit: number,
  by: PartsBy = 'requests',
): Promise<Part[]> {
  const rows =
    await asker.all(`WITH buckets AS (SELECT ${column} AS name, bucket, sum(requests) AS requests, sum(failed) AS failed,
      sum(input) AS input, sum(output) AS output, sum(cost) AS cost FROM ${table} GROUP BY ALL),
    parts AS (SELECT name, coalesce(sum(requests) FILTER (WHERE bucket >= 0), 0) AS requests,
      coalesce(sum(failed) FILTER (WHERE bucket >= 0), 0) AS failed, sum(input) FILTER (WHERE bucket >= 0) AS input,
      sum(output) FILTER (WHERE bucket >= 0) AS output, sum(cost) FILTER (WHERE bucket >= 0) AS cost,
      coalesce(sum(requests) FILTER (WHERE bucket < 0), 0) AS requests_before,
      coalesce(sum(failed) FILTER (WHERE bucket < 0), 0) AS failed_before,
      list([bucket, ${by}::BIGINT]) FILTER (WHERE bucket >= 0) AS pairs FROM buckets GROUP BY name)
    SELECT * FROM parts WHERE ${ORDERS[order]} > 0 ORDER BY ${ORDERS[order]} DESC, requests DESC, name LIMIT ${limit}`);
  return rows.map(row => partOf(frame, row));
}

/**
 * A table for partsOf() by a column of very many names: told apart is only the period from the one before, which takes half the
 * time and a small part of the memory. Use spreadParts() on what is shown.
 */
export const keepNames = (asker: Asker, frame: Frame, table: string, column: string): Promise<void> =>
  asker.keep(
    table,
    `SELECT CASE WHEN ts >= '${frame.since}'::TIMESTAMPTZ THEN 0 ELSE -1 END AS bucket, ${column}, ${SUMS}
      FROM records WHERE ${inFrame(frame)} GROUP BY ALL`,
  );

/** Lists of parts with their requests (or failures) by bucket, which are counted for those alone. */
export async function spreadParts(
  asker: Asker,
  frame: Frame,
  column: string,
  lists: readonly (readonly Part[])[],
  by: PartsBy = 'requests',
): Promise<Part[][]> {
  const names = [...new Set(lists.flat().map(p => p.name))];
  const texts = names.filter(n => n !== null);
  const isOne = [
    ...(texts.length > 0 ? [`${column} IN (${texts.map((_, i) => `$n${i}`).join(', ')})`] : []),
    ...(texts.length < names.length ? [`${column} IS NULL`] : []),
  ];
  if (isOne.length === 0) return lists.map(() => []);
  const rows = await asker.all(
    `SELECT name, list([bucket, requests]) AS pairs FROM (SELECT ${column} AS name, ${bucketOf(frame)} AS bucket, count(*)${by === 'failed' ? ` FILTER (WHERE ${FAILED})` : ''} AS requests
      FROM records WHERE ${inPeriod(frame)} AND (${isOne.join(' OR ')}) GROUP BY ALL) GROUP BY name`,
    Object.fromEntries(texts.map((text, i) => [`n${i}`, text])),
  );
  const pairs = new Map(rows.map(row => [textIn(row['name']), row['pairs']]));
  return lists.map(parts => parts.map(p => ({ ...p, by: spread(frame, pairs.get(p.name), 0) })));
}

/** How many names a column has: in the period, and before. */
export async function namesOf(asker: Asker, table: string, column: string): Promise<[number, number]> {
  const [row] = await asker.all(`SELECT count(DISTINCT ${column}) FILTER (WHERE bucket >= 0) AS now,
    count(DISTINCT ${column}) FILTER (WHERE bucket < 0) AS before FROM ${table}`);
  return [numberOf(row, 'now'), numberOf(row, 'before')];
}

function partOf(frame: Frame, row: Row): Part {
  return {
    name: textIn(row['name']),
    requests: numberOf(row, 'requests'),
    failed: numberOf(row, 'failed'),
    input_tokens: numberIn(row['input']),
    output_tokens: numberIn(row['output']),
    cost_microusd: numberIn(row['cost']),
    before: frame.before
      ? { requests: numberOf(row, 'requests_before'), failed: numberOf(row, 'failed_before') }
      : null,
    by: spread(frame, row['pairs'], 0),
  };
}
