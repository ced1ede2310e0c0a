import type { Asker } from '../query/inquiry.ts';
import { shareTails } from '../stats/tails.ts';
import { textOf } from '../report/rows.ts';
import { type Candidate, HOUR_US, type Tested } from './finding.ts';
import type { Frame } from './frame.ts';

const PAST_DAYS = 28;
const LEAST_FAILED = 8;
const LEAST_REQUESTS = 10;
const TIMES = 4;
/** Failures of one user come together, by retries and by what it is that fails. */
const SPREAD = 0.05;
const KNOWN_DAYS = 7;

/** Days on which a user's requests failed, or were refused, more often than they and everyone's did in the four weeks before. */
export async function userFailuresTested(asker: Asker, frame: Frame): Promise<Tested> {
  const family = 'user-failures';
  const type = frame.told.user_id;
  if (type === undefined) return { family, tested: 0, candidates: [], notes: [] };
  const window = `ORDER BY day RANGE BETWEEN ${PAST_DAYS} PRECEDING AND 1 PRECEDING`;
  await asker.keep(
    'an_shares',
    `WITH all_days AS (SELECT e, hour // 24 AS day, sum(n) AS n, sum(failed) AS failed, sum(refused) AS refused FROM an_users GROUP BY ALL),
    days AS (SELECT * FROM all_days WHERE e IN (SELECT e FROM all_days WHERE greatest(failed, refused) >= ${LEAST_FAILED})),
    every AS (SELECT day, sum(n) OVER w AS pn, sum(failed) OVER w AS pfailed, sum(refused) OVER w AS prefused
      FROM (SELECT day, sum(n) AS n, sum(failed) AS failed, sum(refused) AS refused FROM all_days GROUP BY day) WINDOW w AS (${window}))
    SELECT days.*, pn, pfailed, prefused, coalesce(sum(n) OVER w, 0) AS k, coalesce(sum(failed) OVER w, 0) AS kfailed,
      coalesce(sum(refused) OVER w, 0) AS krefused
    FROM days JOIN every USING (day) WINDOW w AS (PARTITION BY e ${window})`,
  );
  const [since, until] = [frame.since / HOUR_US / 24, frame.until / HOUR_US / 24];
  const known = `day >= ${Math.ceil(frame.from / HOUR_US / 24) + KNOWN_DAYS} AND pn >= 1000 AND n >= ${LEAST_REQUESTS} AND day + 1 > ${since} AND day < ${until}`;
  const [counted] =
    await asker.all(`SELECT count(*) AS n FROM (SELECT e, hour // 24 AS day, sum(n) AS n FROM an_users GROUP BY ALL)
    WHERE n >= ${LEAST_REQUESTS} AND day + 1 > ${Math.max(since, frame.from / HOUR_US / 24 + KNOWN_DAYS)} AND day < ${until}`);
  const tested = 2 * Number(counted!['n']);
  const rows = await asker.all(
    ['failed', 'refused']
      .map(
        what => `SELECT '${what}' AS what, e, day, n, ${what} AS seen, (k${what} + 50 * p${what} / pn) / (k + 50) AS own, p${what} / pn AS all_of
        FROM an_shares WHERE ${known} AND ${what} >= ${LEAST_FAILED}
          AND ${what} / n >= ${TIMES} * greatest((k${what} + 50 * p${what} / pn) / (k + 50), p${what} / pn)`,
      )
      .join(' UNION ALL '),
  );
  const candidates = rows.map((r): Candidate => {
    const [n, seen, day] = [Number(r['n']), Number(r['seen']), Number(r['day'])];
    const share = Math.max(Number(r['own']), Number(r['all_of']), 1e-4);
    const isFailed = r['what'] === 'failed';
    return {
      family,
      entity: { user_id: textOf(r, 'e') },
      from: day * 24 * HOUR_US,
      to: (day + 1) * 24 * HOUR_US,
      seen: (100 * seen) / n,
      expected: 100 * share,
      unit: '%',
      p: shareTails(seen, n, share, SPREAD).upper,
      by: 'its own and all requests of four weeks before',
      also: [`${seen} of ${n} requests ${isFailed ? 'failed' : 'were refused'}`],
      where: `event_type = '${type}' AND status ${isFailed ? "IN ('error', 'denied')" : "= 'refused'"}`,
      flags: `--type ${type} --status ${isFailed ? 'error,denied' : 'refused'}`,
    };
  });
  const notes = tested === 0 ? ['failures of users could not be judged: too little came before'] : [];
  return { family, tested, candidates, notes };
}
