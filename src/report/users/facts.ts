import type { Asker, Row } from '../../query/inquiry.ts';
import type { Frame } from '../frame.ts';
import { keepNames, type Part, partsOf, spreadParts } from '../parts.ts';
import { numberOf, textIn, textOf } from '../rows.ts';
import { bucketOf, inFrame, inPeriod, spread, startsOf } from '../scope.ts';
import { frameData, type FrameData } from '../sections.ts';

/** What `report users --json` prints. Users are values of user_id: hashes, where identities were hashed. */
export interface UsersData extends FrameData {
  readonly form: 'slmaudit-report-users/1';
  readonly totals: { readonly now: UsersTotals; readonly before: UsersTotals | null };
  /** Users who asked in each bucket. */
  readonly series: readonly { readonly at: string; readonly users: number }[];
  readonly by_requests: readonly Part[];
  readonly by_tokens: readonly Part[];
  readonly by_cost: readonly Part[];
  /** With so many requests or more, the largest share first. */
  readonly by_failures: readonly Part[];
  readonly moved: readonly Part[];
  /** First seen in the period, in all the store has; the first 100. */
  readonly new: readonly NewUser[];
  /** Seen in this period and long ago, not in the period before; the first 100. */
  readonly back: readonly NewUser[];
  /** Seen in the period before, not in this one; the first 100. */
  readonly gone: readonly GoneUser[];
  readonly kinds: readonly {
    readonly kind: string | null;
    readonly users: number;
    readonly requests: number;
  }[];
}

export interface UsersTotals {
  readonly requests: number;
  /** Requests without a user. */
  readonly without_user: number;
  readonly users: number;
  /** Null where the store begins in the period: all would be new. */
  readonly new: number | null;
  /** Null where there is no period before. With it, users = users before - gone + back + new. */
  readonly back: number | null;
  readonly gone: number | null;
  /** Requests of the ten users with most. */
  readonly top10_requests: number;
}

export interface NewUser {
  readonly user_id: string;
  readonly first_seen: string;
  readonly requests: number;
  readonly failed: number;
  readonly addresses: number;
  readonly models: number;
}

export interface GoneUser {
  readonly user_id: string;
  readonly last_seen: string;
  readonly requests_before: number;
}

export const LEAST_FOR_SHARE = 20;
const TOP = 10;
const MOST = 100;

export async function usersOf(asker: Asker, frame: Frame): Promise<UsersData> {
  await keepNames(asker, frame, 'users', 'user_id');
  await asker.keep(
    'users_seen',
    `SELECT user_id, min(ts) AS first, max(ts) FILTER (WHERE ts < '${frame.until}'::TIMESTAMPTZ) AS last
      FROM records WHERE event_type = '${frame.events}' AND user_id IS NOT NULL GROUP BY ALL`,
  );
  await asker.keep(
    'users_each',
    `SELECT user_id, coalesce(sum(requests) FILTER (WHERE bucket >= 0), 0) AS requests, coalesce(sum(failed) FILTER (WHERE bucket >= 0), 0) AS failed,
      coalesce(sum(requests) FILTER (WHERE bucket < 0), 0) AS before FROM users WHERE user_id IS NOT NULL GROUP BY user_id`,
  );
  const parts = async (order: Parameters<typeof partsOf>[4], table = 'users'): Promise<Part[]> =>
    (await partsOf(asker, frame, table, 'user_id', order, TOP + 1))
      .filter(p => p.name !== null)
      .slice(0, TOP);
  await asker.keep(
    'users_failing',
    `SELECT * FROM users WHERE user_id IN (SELECT user_id FROM users_each WHERE requests >= ${LEAST_FOR_SHARE} AND failed > 0
      ORDER BY failed / requests DESC, requests DESC, user_id LIMIT ${TOP})`,
  );
  const failing = await parts('failed', 'users_failing');
  const [requests, tokens, cost, failures, moved] = await spreadParts(asker, frame, 'user_id', [
    await parts('requests'),
    await parts('tokens'),
    await parts('cost'),
    failing.toSorted((a, b) => b.failed / b.requests - a.failed / a.requests || b.requests - a.requests),
    frame.before ? await parts('moved') : [],
  ]);
  return {
    form: 'slmaudit-report-users/1',
    ...frameData(frame),
    totals: await totalsOf(asker, frame),
    series: await seriesOf(asker, frame),
    by_requests: requests!,
    by_tokens: tokens!,
    by_cost: cost!,
    by_failures: failures!,
    moved: moved!,
    new: reachesBack(frame) ? await comeOf(asker, frame, 'new') : [],
    back: frame.before ? await comeOf(asker, frame, 'back') : [],
    gone: await goneOf(asker, frame),
    kinds: await kindsOf(asker, frame),
  };
}

/** Does the store reach back behind the period, so that what is first seen in it is new? */
const reachesBack = (frame: Frame): boolean => frame.has !== undefined && frame.has.oldest < frame.since;

async function totalsOf(asker: Asker, frame: Frame): Promise<UsersData['totals']> {
  const sums = await asker.all(`SELECT bucket >= 0 AS is_now, sum(requests) AS requests,
    sum(requests) FILTER (WHERE user_id IS NULL) AS nobody, count(DISTINCT user_id) AS users FROM users GROUP BY ALL`);
  const [tops] =
    await asker.all(`SELECT (SELECT sum(requests) FROM (SELECT requests FROM users_each ORDER BY requests DESC LIMIT 10)) AS now,
    (SELECT sum(before) FROM (SELECT before FROM users_each ORDER BY before DESC LIMIT 10)) AS before`);
  const [counts] =
    await asker.all(`SELECT count(*) FILTER (WHERE ${COME.new(frame)}) AS new, count(*) FILTER (WHERE ${COME.back(frame)}) AS back,
    count(*) FILTER (WHERE requests = 0) AS gone FROM users_each JOIN users_seen USING (user_id)`);
  const total = (isNow: boolean): UsersTotals => {
    const row: Row | undefined = sums.find(r => r['is_now'] === isNow);
    return {
      requests: numberOf(row, 'requests'),
      without_user: numberOf(row, 'nobody'),
      users: numberOf(row, 'users'),
      new: isNow && reachesBack(frame) ? numberOf(counts, 'new') : null,
      back: isNow && frame.before ? numberOf(counts, 'back') : null,
      gone: isNow && frame.before ? numberOf(counts, 'gone') : null,
      top10_requests: numberOf(tops, isNow ? 'now' : 'before'),
    };
  };
  return { now: total(true), before: frame.before ? total(false) : null };
}

async function seriesOf(asker: Asker, frame: Frame): Promise<UsersData['series']> {
  const [row] =
    await asker.all(`WITH each AS (SELECT DISTINCT ${bucketOf(frame)} AS bucket, user_id FROM records WHERE ${inPeriod(frame)}),
      counts AS (SELECT bucket, count(user_id) AS users FROM each GROUP BY bucket)
    SELECT list([bucket, users]) AS users FROM counts`);
  const users = spread(frame, row?.['users'], 0);
  return startsOf(frame).map((at, i) => ({ at, users: users[i]! }));
}

/** Conditions on `users_each` and `users_seen`: of those that were not in the period before, who never was, and who was long ago. */
const COME = {
  new: ({ since }: Frame): string => `requests > 0 AND first >= '${since}'::TIMESTAMPTZ`,
  back: ({ since }: Frame): string => `requests > 0 AND before = 0 AND first < '${since}'::TIMESTAMPTZ`,
} as const;

async function comeOf(asker: Asker, frame: Frame, how: keyof typeof COME): Promise<NewUser[]> {
  const rows =
    await asker.all(`WITH came AS (SELECT user_id, first, requests, failed FROM users_each JOIN users_seen USING (user_id)
      WHERE ${COME[how](frame)} ORDER BY requests DESC, user_id LIMIT ${MOST})
    SELECT came.user_id, any_value(first) AS first, any_value(requests) AS requests, any_value(failed) AS failed,
      count(DISTINCT client_ip) AS addresses, count(DISTINCT model) AS models
    FROM came JOIN (SELECT user_id, client_ip, model FROM records WHERE ${inFrame({ ...frame, before: undefined })}) AS told USING (user_id)
    GROUP BY came.user_id ORDER BY requests DESC, came.user_id`);
  return rows.map(row => ({
    user_id: textOf(row, 'user_id'),
    first_seen: textOf(row, 'first'),
    requests: numberOf(row, 'requests'),
    failed: numberOf(row, 'failed'),
    addresses: numberOf(row, 'addresses'),
    models: numberOf(row, 'models'),
  }));
}

async function goneOf(asker: Asker, frame: Frame): Promise<GoneUser[]> {
  if (!frame.before) return [];
  const rows = await asker.all(`SELECT user_id, last, before FROM users_each JOIN users_seen USING (user_id)
    WHERE requests = 0 ORDER BY before DESC, user_id LIMIT ${MOST}`);
  return rows.map(row => ({
    user_id: textOf(row, 'user_id'),
    last_seen: textOf(row, 'last'),
    requests_before: numberOf(row, 'before'),
  }));
}

async function kindsOf(asker: Asker, frame: Frame): Promise<UsersData['kinds']> {
  const rows = await asker.all(`SELECT user_kind, count(DISTINCT user_id) AS users, count(*) AS requests
    FROM records WHERE ${inFrame({ ...frame, before: undefined })} GROUP BY ALL ORDER BY requests DESC, user_kind LIMIT 20`);
  return rows.map(row => ({
    kind: textIn(row['user_kind']),
    users: numberOf(row, 'users'),
    requests: numberOf(row, 'requests'),
  }));
}
