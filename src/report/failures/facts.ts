import { FAILED } from '../../record/schema.ts';
import { FAILED_LOGIN, SUCCEEDED_LOGIN } from '../../door/login.ts';
import type { Asker, Row } from '../../query/inquiry.ts';
import { type Frame } from '../frame.ts';
import { keepNames, type Part, type PartsBy, partsOf, spreadParts } from '../parts.ts';
import { numberOf, textIn, textOf } from '../rows.ts';
import { SUMS, bucketOf, inFrame, inPeriod, spread, startsOf } from '../scope.ts';
import { frameData, type FrameData } from '../sections.ts';

/** What `report failures --json` prints. `by` counts failures; of kinds and HTTP statuses all requests that are such. */
export interface FailuresData extends FrameData {
  readonly form: 'slmaudit-report-failures/1';
  /** By how requests ended. */
  readonly totals: { readonly now: Ends; readonly before: Ends | null };
  readonly series: readonly { readonly at: string; readonly requests: number; readonly failed: number }[];
  /** Kinds of failure. */
  readonly kinds: readonly Kind[];
  readonly http: readonly Part[];
  readonly models: readonly Build[];
  readonly users: readonly Part[];
  readonly worst_hours: readonly Hour[];
  /** Authentication events; null where there are none. */
  readonly logins: { readonly now: Logins; readonly before: Logins | null } | null;
  readonly moved: {
    readonly users: readonly Part[];
    readonly models: readonly Part[];
    readonly sources: readonly Part[];
  };
}

/** Requests by status; `failed` is error and denied. */
export interface Ends {
  readonly requests: number;
  readonly failed: number;
  readonly error: number;
  readonly denied: number;
  readonly refused: number;
  readonly cancelled: number;
  readonly unknown: number;
}

export interface Kind {
  readonly status: string;
  readonly error_type: string | null;
  readonly requests: number;
  readonly before: number | null;
  readonly users: number;
  readonly first: string;
  readonly last: string;
  readonly by: readonly number[];
}

export interface Build {
  readonly model: string | null;
  readonly model_version: string | null;
  readonly requests: number;
  readonly failed: number;
  readonly before: { readonly requests: number; readonly failed: number } | null;
  readonly by: readonly number[];
}

export interface Hour {
  readonly hour: string;
  readonly requests: number;
  readonly failed: number;
  /** The kind of most failures. */
  readonly mostly: string | null;
}

export interface Logins {
  readonly succeeded: number;
  readonly failed: number;
  readonly users_failed: number;
}

export const STATUSES = ['error', 'denied', 'refused', 'cancelled', 'unknown'] as const;
const TOP = 10;

export async function failuresOf(asker: Asker, frame: Frame): Promise<FailuresData> {
  const bucket = bucketOf(frame);
  await asker.keep(
    'failures',
    `SELECT ${bucket} AS bucket, status, http_status::VARCHAR AS http, model, model_version, source_id, ${SUMS}
      FROM records WHERE ${inFrame(frame)} GROUP BY ALL`,
  );
  await keepNames(asker, frame, 'failures_users', 'user_id');
  const parts = (
    table: string,
    column: string,
    order: Parameters<typeof partsOf>[4],
    most = TOP,
    by: PartsBy = 'failed',
  ): Promise<Part[]> => partsOf(asker, frame, table, column, order, most, by);
  const moved = (table: string, column: string): Promise<Part[]> =>
    frame.before ? parts(table, column, 'moved_failed') : Promise.resolve([]);
  const lists = [
    await parts('failures_users', 'user_id', 'failed'),
    await moved('failures_users', 'user_id'),
  ];
  const [users, movedUsers] = await spreadParts(asker, frame, 'user_id', lists, 'failed');
  return {
    form: 'slmaudit-report-failures/1',
    ...frameData(frame),
    totals: await endsOf(asker, frame),
    series: await seriesOf(asker, frame),
    kinds: await kindsOf(asker, frame),
    http: (await parts('failures', 'http', 'requests', 20, 'requests')).filter(p => p.name !== null),
    models: await buildsOf(asker, frame),
    users: users!,
    worst_hours: await hoursOf(asker, frame),
    logins: await loginsOf(asker, frame),
    moved: {
      users: movedUsers!,
      models: await moved('failures', 'model'),
      sources: await moved('failures', 'source_id'),
    },
  };
}

async function endsOf(asker: Asker, frame: Frame): Promise<FailuresData['totals']> {
  const rows = await asker.all(
    'SELECT bucket >= 0 AS is_now, status, sum(requests) AS requests FROM failures GROUP BY ALL',
  );
  const ends = (isNow: boolean): Ends => {
    const of = (status?: string): number =>
      rows
        .filter(r => r['is_now'] === isNow && (status === undefined || r['status'] === status))
        .reduce((sum, r) => sum + numberOf(r, 'requests'), 0);
    const [error, denied, refused, cancelled, unknown] = STATUSES.map(of) as [
      number,
      number,
      number,
      number,
      number,
    ];
    return { requests: of(), failed: error + denied, error, denied, refused, cancelled, unknown };
  };
  return { now: ends(true), before: frame.before ? ends(false) : null };
}

async function seriesOf(asker: Asker, frame: Frame): Promise<FailuresData['series']> {
  const [row] = await asker.all(`WITH sums AS (SELECT bucket, sum(requests) AS requests, sum(failed) AS failed
      FROM failures WHERE bucket >= 0 GROUP BY bucket)
    SELECT list([bucket, requests::BIGINT]) AS requests, list([bucket, failed::BIGINT]) AS failed FROM sums`);
  const [requests, failed] = ['requests', 'failed'].map(name => spread(frame, row?.[name], 0));
  return startsOf(frame).map((at, i) => ({
    at,
    requests: requests![i]!,
    failed: failed![i]!,
  }));
}

async function kindsOf(asker: Asker, frame: Frame): Promise<Kind[]> {
  const rows =
    await asker.all(`WITH told AS (SELECT ${bucketOf(frame)} AS bucket, status, coalesce(error_type, finish_reason) AS kind,
      user_id, ts FROM records WHERE ${inFrame(frame)} AND status NOT IN ('ok', 'unknown')),
    counts AS (SELECT bucket, status, kind, count(*) AS n FROM told GROUP BY ALL),
    spread AS (SELECT status, kind, list([bucket, n]) FILTER (WHERE bucket >= 0) AS pairs FROM counts GROUP BY ALL),
    sums AS (SELECT status, kind, count(*) FILTER (WHERE bucket >= 0) AS requests, count(*) FILTER (WHERE bucket < 0) AS before,
      count(DISTINCT user_id) FILTER (WHERE bucket >= 0) AS users, min(ts) FILTER (WHERE bucket >= 0) AS first,
      max(ts) FILTER (WHERE bucket >= 0) AS last FROM told GROUP BY ALL)
    SELECT sums.*, pairs FROM sums JOIN spread ON sums.status = spread.status AND sums.kind IS NOT DISTINCT FROM spread.kind
    WHERE requests > 0 ORDER BY requests DESC, sums.status, sums.kind LIMIT 20`);
  return rows.map(row => ({
    status: textOf(row, 'status'),
    error_type: textIn(row['kind']),
    requests: numberOf(row, 'requests'),
    before: frame.before ? numberOf(row, 'before') : null,
    users: numberOf(row, 'users'),
    first: textOf(row, 'first'),
    last: textOf(row, 'last'),
    by: spread(frame, row['pairs'], 0),
  }));
}

async function buildsOf(asker: Asker, frame: Frame): Promise<Build[]> {
  const rows =
    await asker.all(`WITH sums AS (SELECT model, model_version, bucket, sum(requests) AS requests, sum(failed) AS failed
      FROM failures GROUP BY ALL)
    SELECT model, model_version, sum(requests) FILTER (WHERE bucket >= 0) AS now, sum(failed) FILTER (WHERE bucket >= 0) AS failures,
      sum(requests) FILTER (WHERE bucket < 0) AS before, sum(failed) FILTER (WHERE bucket < 0) AS failed_before,
      list([bucket, failed::BIGINT]) FILTER (WHERE bucket >= 0) AS pairs
    FROM sums GROUP BY ALL HAVING now > 0 ORDER BY failures / now DESC, now DESC, model, model_version LIMIT 30`);
  return rows.map(row => ({
    model: textIn(row['model']),
    model_version: textIn(row['model_version']),
    requests: numberOf(row, 'now'),
    failed: numberOf(row, 'failures'),
    before: frame.before
      ? { requests: numberOf(row, 'before'), failed: numberOf(row, 'failed_before') }
      : null,
    by: spread(frame, row['pairs'], 0),
  }));
}

/** As `@failures-by-hour` finds them: by how far the failures are above the mean share, in standard deviations of a Poisson count. */
async function hoursOf(asker: Asker, frame: Frame): Promise<Hour[]> {
  const rows =
    await asker.all(`WITH hours AS (SELECT epoch_us(ts) // 3600000000 AS hour, count(*) AS requests,
      count(*) FILTER (WHERE ${FAILED}) AS failed,
      mode(coalesce(error_type, status) ORDER BY coalesce(error_type, status)) FILTER (WHERE ${FAILED}) AS mostly
      FROM records WHERE ${inPeriod(frame)} GROUP BY ALL),
    usual AS (SELECT sum(failed) / sum(requests) AS share FROM hours)
    SELECT hour, requests, failed, mostly FROM hours, usual WHERE failed >= 3 AND failed > 2 * requests * share
    ORDER BY (failed - requests * share) / sqrt(requests * share) DESC, hour LIMIT 5`);
  return rows.map(row => ({
    hour: new Date(numberOf(row, 'hour') * 3_600_000).toISOString(),
    requests: numberOf(row, 'requests'),
    failed: numberOf(row, 'failed'),
    mostly: textIn(row['mostly']),
  }));
}

async function loginsOf(asker: Asker, frame: Frame): Promise<FailuresData['logins']> {
  const span = inFrame(frame).replace(`event_type = '${frame.events}'`, `event_type = 'auth'`);
  const rows =
    await asker.all(`SELECT ${bucketOf(frame)} >= 0 AS is_now, count(*) FILTER (WHERE ${SUCCEEDED_LOGIN}) AS succeeded,
    count(*) FILTER (WHERE ${FAILED_LOGIN}) AS failed, count(DISTINCT user_id) FILTER (WHERE ${FAILED_LOGIN}) AS users
    FROM records WHERE ${span} GROUP BY ALL`);
  if (rows.length === 0) return null;
  const logins = (isNow: boolean): Logins => {
    const row: Row | undefined = rows.find(r => r['is_now'] === isNow);
    return {
      succeeded: numberOf(row, 'succeeded'),
      failed: numberOf(row, 'failed'),
      users_failed: numberOf(row, 'users'),
    };
  };
  return { now: logins(true), before: frame.before ? logins(false) : null };
}
