import type { Asker, Row } from '../query/inquiry.ts';
import { counted } from '../record/figures.ts';
import { type Frame, frameOf, minute, type Wanted } from './frame.ts';
import type { Page, Section } from './page.ts';
import { namesOf, type Part, partsOf } from './parts.ts';
import { compared, dollars, percent, shellWord, spanOptions } from './say.ts';
import { bucketOf, inFrame, inPeriod, numberIn, numberOf, pointsOf, spread, SUMS } from './scope.ts';
import {
  comparison,
  emptyPage,
  frameData,
  type FrameData,
  moversSection,
  partsTable,
  shownOf,
  subtitleOf,
} from './sections.ts';

/** What `report usage --format json` prints. */
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

/** How much was asked, of what, and by whom. */
export async function usagePage(asker: Asker, wanted: Wanted): Promise<Page> {
  const frame = await frameOf(asker, wanted);
  const data = await usageOf(asker, frame);
  const { now, before } = data.totals;
  if (now.requests === 0 && (before?.requests ?? 0) === 0) return emptyPage('Usage', frame, data);
  const shown = { all: now.requests, tokens: now.with_tokens > 0, cost: now.with_cost > 0 };
  const models = await namesOf(asker, 'usage', 'model');
  return {
    title: 'Usage',
    subtitle: subtitleOf(frame),
    summary: summaryOf(data),
    sections: [
      { heading: 'Totals', plots: plotsOf(frame, data), table: totalsTable(frame, data) },
      ...moversSection(
        frame,
        [
          { kind: 'model', none: '(no model)', parts: data.moved.models },
          { kind: 'source', none: '', parts: data.moved.sources },
          { kind: 'user', none: '(no user)', parts: data.moved.users },
        ],
        'requests',
      ),
      list('Models', data.models, { called: 'model', none: '(none)', ...shown }, models[0], 'model'),
      list(
        'Users with most requests',
        data.users,
        { called: 'user', none: '(none)', ...shown },
        now.users,
        'user',
      ),
      ...(shown.tokens
        ? [
            list(
              'Users with most tokens',
              data.users_by_tokens,
              { called: 'user', none: '(none)', ...shown },
              now.users,
              'user',
            ),
          ]
        : []),
      ...(data.operations.length > 1
        ? [list('Operations', data.operations, { called: 'operation', none: '(none)', ...shown })]
        : []),
      ...(data.sources.length > 1
        ? [list('Sources', data.sources, { called: 'source', none: '', ...shown })]
        : []),
    ],
    notes: [...frame.notes, ...notesOf(now)],
    data,
  };

  function list(
    heading: string,
    parts: readonly Part[],
    how: Parameters<typeof partsTable>[2],
    all = 0,
    one = '',
  ): Section {
    return {
      heading,
      text: shownOf(parts.filter(p => p.name !== null).length, all, one),
      table: partsTable(frame, parts, how),
      ...(how.called === 'user' && { more: userCommand(frame, parts) }),
    };
  }
}

function userCommand(frame: Frame, parts: readonly Part[]): string {
  const first = parts.find(p => p.name !== null)?.name;
  return `slmaudit search ${first === undefined || first === null ? '' : `--user ${shellWord(first)} `}${spanOptions(frame)}`;
}

export async function usageOf(asker: Asker, frame: Frame): Promise<UsageData> {
  const bucket = bucketOf(frame);
  await asker.keep(
    'usage',
    `SELECT ${bucket} AS bucket, model, operation, source_id, ${SUMS}, sum(cached_tokens) AS cached,
      count(total_tokens) AS with_tokens, count(cost_microusd) AS with_cost FROM records WHERE ${inFrame(frame)} GROUP BY ALL`,
  );
  await asker.keep(
    'usage_users',
    `SELECT ${bucket} AS bucket, user_id, ${SUMS} FROM records WHERE ${inFrame(frame)} GROUP BY ALL`,
  );
  const parts = (
    table: string,
    column: string,
    order: Parameters<typeof partsOf>[4],
    most = TOP,
  ): Promise<Part[]> => partsOf(asker, frame, table, column, order, most);
  const moved = (table: string, column: string): Promise<Part[]> =>
    frame.before ? parts(table, column, 'moved') : Promise.resolve([]);
  return {
    form: 'slmaudit-report-usage/1',
    ...frameData(frame),
    totals: await totalsOf(asker, frame),
    series: await seriesOf(asker, frame),
    busiest: await busiestOf(asker, frame),
    models: await parts('usage', 'model', 'requests', 20),
    operations: await parts('usage', 'operation', 'requests'),
    sources: await parts('usage', 'source_id', 'requests', 20),
    users: await parts('usage_users', 'user_id', 'requests'),
    users_by_tokens: await parts('usage_users', 'user_id', 'tokens'),
    moved: {
      users: await moved('usage_users', 'user_id'),
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
  const whom = await asker.all(`SELECT ${bucketOf(frame)} >= 0 AS is_now, count(DISTINCT user_id) AS users,
    count(DISTINCT client_ip) AS addresses, count(DISTINCT api_key_id) AS api_keys
    FROM records WHERE ${inFrame(frame)} GROUP BY ALL`);
  const total = (isNow: boolean): UsageTotals => {
    const is = (row: Row): boolean => row['is_now'] === isNow;
    const [sum, who] = [sums.find(is), whom.find(is)];
    return {
      requests: numberOf(sum, 'requests'),
      failed: numberOf(sum, 'failed'),
      users: numberOf(who, 'users'),
      addresses: numberOf(who, 'addresses'),
      api_keys: numberOf(who, 'api_keys'),
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
  return pointsOf(frame, requests!).map(({ at }, i) => ({
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

function summaryOf({ totals: { now, before }, busiest, models }: UsageData): string[] {
  const by = now.users > 0 ? ` by ${counted(now.users, 'user')}` : '';
  const tokens = (now.input_tokens ?? 0) + (now.output_tokens ?? 0);
  const tokensBefore = before ? (before.input_tokens ?? 0) + (before.output_tokens ?? 0) : undefined;
  const [first] = models;
  return [
    `${counted(now.requests, 'request')}${by}${compared(now.requests, before?.requests)}; ${percent(now.failed, now.requests) || '0%'} failed.`,
    ...(now.with_tokens > 0 ? [`${counted(tokens, 'token')}${compared(tokens, tokensBefore)}.`] : []),
    ...(busiest
      ? [`The busiest hour was ${minute(busiest.hour)} UTC, with ${counted(busiest.requests, 'request')}.`]
      : []),
    ...(first && first.name !== null && now.models > 1
      ? [`Most was asked of ${first.name}: ${percent(first.requests, now.requests)} of all requests.`]
      : []),
  ];
}

function notesOf({ requests, users, with_tokens: tokens, with_cost: cost }: UsageTotals): string[] {
  if (requests === 0) return [];
  return [
    ...(users === 0 ? ['No request names its user.'] : []),
    ...(tokens === 0
      ? ['No tokens were recorded.']
      : tokens < requests
        ? [`Tokens were recorded of ${percent(tokens, requests)} of the requests; sums are of these.`]
        : []),
    ...(cost > 0 && cost < requests
      ? [`Costs were recorded of ${percent(cost, requests)} of the requests; sums are of these.`]
      : []),
  ];
}

function plotsOf(frame: Frame, { series, totals }: UsageData): NonNullable<Section['plots']> {
  const points = (of: (p: UsagePoint) => number): { at: string; value: number }[] =>
    series.map(p => ({ at: p.at, value: of(p) }));
  return [
    { title: `Requests by ${frame.bucket}`, unit: 'requests', kind: 'bars', points: points(p => p.requests) },
    ...(totals.now.with_tokens > 0
      ? [
          {
            title: `Tokens by ${frame.bucket}`,
            unit: 'tokens',
            kind: 'bars' as const,
            points: points(p => p.input_tokens + p.output_tokens),
          },
        ]
      : []),
  ];
}

function totalsTable(frame: Frame, { totals: { now, before } }: UsageData): NonNullable<Section['table']> {
  const known = (n: number): number | null => (n === 0 ? null : n);
  const each = (of: (t: UsageTotals) => number | null): [number | null, number | null] => [
    of(now),
    before && of(before),
  ];
  const perRequest = (t: UsageTotals): number | null =>
    t.with_tokens === 0 ? null : ((t.input_tokens ?? 0) + (t.output_tokens ?? 0)) / t.with_tokens;
  return comparison(frame, [
    ['requests', now.requests, before?.requests ?? null],
    ['failed', now.failed, before?.failed ?? null],
    ['users', ...each(t => known(t.users))],
    ['addresses', ...each(t => known(t.addresses))],
    ['API keys', ...each(t => known(t.api_keys))],
    ['models', ...each(t => known(t.models))],
    ['tokens in', ...each(t => t.input_tokens)],
    ['of them cached', ...each(t => t.cached_tokens)],
    ['tokens out', ...each(t => t.output_tokens)],
    ['tokens a request', ...each(perRequest)],
    ['cost, USD', ...each(t => t.cost_microusd), dollars],
  ]);
}
