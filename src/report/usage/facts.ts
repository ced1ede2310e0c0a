import type { Asker, Row } from '../../query/inquiry.ts';
import { type Frame } from '../frame.ts';
import { keepNames, type Part, partsOf, spreadParts } from '../parts.ts';
import { numberIn, numberOf } from '../rows.ts';
import { SUMS, bucketOf, inFrame, inPeriod, spread, startsOf } from '../scope.ts';
import { frameData, type FrameData } from '../sections.ts';

/** What `report usage --json` prints. */
export interface UsageData extends FrameData {
  readonly form: 'slmaudit-report-usage/1';
  readonly totals: { readonly now: UsageTotals; readonly before: UsageTotals | null };
  readonly series: readonly UsagePoint[];
  /** The hour with most requests. */
  readonly busiest: { readonly hour: string; readonly requests: number } | null;
  readonly models: readonly Part[];
  readonly operations: readonly Part[];
  readonly sources: readonly Part[];
  /** By requests, and by tokens. */
  readonly users: readonly Part[];
  readonly users_by_tokens: readonly Part[];
  readonly moved: {
    readonly users: readonly Part[];
    readonly models: readonly Part[];
    readonly sources: readonly Part[];
  };
}

export interface UsageTotals {
  readonly requests: number;
  readonly failed: number;
  readonly users: number;
  readonly addresses: number;
  readonly api_keys: number;
  readonly models: number;
  /** Null: of no request. */
  readonly input_tokens: number | null;
  readonly output_tokens: number | null;
  readonly cached_tokens: number | null;
  readonly cost_microusd: number | null;
  /** Requests of which tokens, and costs, were recorded. */
  readonly with_tokens: number;
  readonly with_cost: number;
}

export interface UsagePoint {
  readonly at: string;
  readonly requests: number;
  readonly input_tokens: number;
  readonly output_tokens: number;
}

const TOP = 10;

export async function usageOf(asker: Asker, frame: Frame): Promise<UsageData> {
  const bucket = bucketOf(frame);
  await asker.keep(
    'usage',
    `SELECT ${bucket} AS bucket, model, operation, source_id, ${SUMS}, sum(cached_tokens) AS cached,
      count(total_tokens) AS with_tokens, count(cost_microusd) AS with_cost FROM records WHERE ${inFrame(frame)} GROUP BY ALL`,
  );
  await keepNames(asker, frame, 'usage_users', 'user_id');
  const parts = (
    table: string,
    column: string,
    order: Parameters<typeof partsOf>[4],
    most = TOP,
  ): Promise<Part[]> => partsOf(asker, frame, table, column, order, most);
  const moved = (table: string, column: string): Promise<Part[]> =>
    frame.before ? parts(table, column, 'moved') : Promise.resolve([]);
  const [users, byTokens, movedUsers] = await spreadParts(asker, frame, 'user_id', [
    await parts('usage_users', 'user_id', 'requests'),
    await parts('usage_users', 'user_id', 'tokens'),
    await moved('usage_users', 'user_id'),
  ]);
  return {
    form: 'slmaudit-report-usage/1',
    ...frameData(frame),
    totals: await totalsOf(asker, frame),
    series: await seriesOf(asker, frame),
    busiest: await busiestOf(asker, frame),
    models: await parts('usage', 'model', 'requests', 20),
    operations: await parts('usage', 'operation', 'requests'),
    sources: await parts('usage', 'source_id', 'requests', 20),
    users: users!,
    users_by_tokens: byTokens!,
    moved: {
      users: movedUsers!,
      models: await moved('usage', 'model'),
      sources: await moved('usage', 'source_id'),
    },
  };
}

async function totalsOf(asker: Asker, frame: Frame): Promise<UsageData['totals']> {
  const sums =
    await asker.all(`SELECT bucket >= 0 AS is_now, sum(requests) AS requests, sum(failed) AS failed, sum(input) AS input,
    sum(output) AS output, sum(cached) AS cached, sum(cost) AS cost, sum(with_tokens) AS with_tokens, sum(with_cost) AS with_cost,
    count(DISTINCT model) AS models FROM usage GROUP BY ALL`);
  // Distinct rows first, and then their number: both cores do that, and count(DISTINCT) is one's.
  const distinct = (
    what: string,
    column: string,
  ): string => `SELECT '${what}' AS what, is_now, count(${column}) AS n FROM (
    SELECT DISTINCT ts >= '${frame.since}'::TIMESTAMPTZ AS is_now, ${column} FROM records WHERE ${inFrame(frame)}) GROUP BY ALL`;
  const whom =
    await asker.all(`${distinct('addresses', 'client_ip')} UNION ALL ${distinct('api_keys', 'api_key_id')}
    UNION ALL SELECT 'users', bucket >= 0, count(user_id) FROM usage_users GROUP BY ALL`);
  const total = (isNow: boolean): UsageTotals => {
    const is = (row: Row): boolean => row['is_now'] === isNow;
    const sum = sums.find(is);
    const count = (what: string): number =>
      numberOf(
        whom.find(row => is(row) && row['what'] === what),
        'n',
      );
    return {
      requests: numberOf(sum, 'requests'),
      failed: numberOf(sum, 'failed'),
      users: count('users'),
      addresses: count('addresses'),
      api_keys: count('api_keys'),
      models: numberOf(sum, 'models'),
      input_tokens: numberIn(sum?.['input']),
      output_tokens: numberIn(sum?.['output']),
      cached_tokens: numberIn(sum?.['cached']),
      cost_microusd: numberIn(sum?.['cost']),
      with_tokens: numberOf(sum, 'with_tokens'),
      with_cost: numberOf(sum, 'with_cost'),
    };
  };
  return { now: total(true), before: frame.before ? total(false) : null };
}

async function seriesOf(asker: Asker, frame: Frame): Promise<UsagePoint[]> {
  const [row] =
    await asker.all(`WITH sums AS (SELECT bucket, sum(requests) AS requests, sum(input) AS input, sum(output) AS output
      FROM usage WHERE bucket >= 0 GROUP BY bucket)
    SELECT list([bucket, requests::BIGINT]) AS requests, list([bucket, input::BIGINT]) AS input, list([bucket, output::BIGINT]) AS output FROM sums`);
  const [requests, input, output] = ['requests', 'input', 'output'].map(name =>
    spread(frame, row?.[name], 0),
  );
  return startsOf(frame).map((at, i) => ({
    at,
    requests: requests![i]!,
    input_tokens: input![i]!,
    output_tokens: output![i]!,
  }));
}

async function busiestOf(asker: Asker, frame: Frame): Promise<UsageData['busiest']> {
  const [row] = await asker.all(`SELECT epoch_us(ts) // 3600000000 AS hour, count(*) AS requests
    FROM records WHERE ${inPeriod(frame)} GROUP BY ALL ORDER BY requests DESC, hour LIMIT 1`);
  if (!row) return null;
  return {
    hour: new Date(numberOf(row, 'hour') * 3_600_000).toISOString(),
    requests: numberOf(row, 'requests'),
  };
}
