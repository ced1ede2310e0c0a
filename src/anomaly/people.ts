import type { Asker } from '../query/inquiry.ts';
import { tsOfMicros } from '../record/time.ts';
import { shareTails } from '../stats/tails.ts';
import { type Magnitude, magnitudesTested } from './entities.ts';
import { type Candidate, HOUR_US, type Tested } from './finding.ts';
import { type Frame, OTHERS, within } from './frame.ts';

/** What is asked of users and addresses, one magnitude each. */
export function magnitudesOf({ told }: Frame): Magnitude[] {
  const of = (column: 'user_id' | 'client_ip'): string => `event_type = '${told[column]}'`;
  const flags = (column: 'user_id' | 'client_ip'): string => `--type ${told[column]}`;
  const users = {
    column: 'user_id',
    table: 'an_users',
    where: of('user_id'),
    flags: flags('user_id'),
  } as const;
  const addresses = {
    column: 'client_ip',
    table: 'an_addresses',
    where: of('client_ip'),
    flags: flags('client_ip'),
  } as const;
  const requests = { value: 'n', step: 'hour', unit: 'requests', times: 3, least: 30 } as const;
  const tokens = { value: 'tokens', unit: 'tokens', times: 4, least: 50_000 } as const;
  return [
    ...(told.user_id === undefined
      ? []
      : [
          { ...users, ...requests, family: 'user-requests' } as const,
          { ...users, ...tokens, family: 'user-tokens', step: 'hour' } as const,
          { ...users, ...tokens, family: 'user-tokens', step: 'day' } as const,
        ]),
    ...(told.client_ip === undefined
      ? []
      : [{ ...addresses, ...requests, family: 'address-requests' } as const]),
  ];
}

/**
 * Counted first without names, in so many buckets: only what shares one with enough can have come often, and the millions of
 * prompts that come once are never held. What came fewer times than `OFTEN` counts for `SELDOM`.
 */
const BUCKETS = 2 ** 22;
const OFTEN = 5;
const SELDOM = 2;

/** The most that one prompt was repeated by one user in a day, against what is usual for it and for others. */
export async function repetitionTested(asker: Asker, frame: Frame): Promise<Tested> {
  const type = frame.told.prompt_hash;
  if (type === undefined || frame.told.user_id === undefined)
    return {
      family: 'repetition',
      tested: 0,
      candidates: [],
      notes: ['no record tells a prompt and its user'],
    };
  const where = `event_type = '${type}' AND prompt_hash IS NOT NULL`;
  await asker.keep(
    'an_repeats',
    `WITH told AS (SELECT user_id AS e, (epoch_us(ts) // ${24 * HOUR_US})::INT AS day, prompt_hash AS h,
        hash(user_id, epoch_us(ts) // ${24 * HOUR_US}, prompt_hash) % ${BUCKETS} AS bucket
      FROM records WHERE ${where} AND user_id IS NOT NULL AND ${OTHERS}),
    often AS (SELECT bucket FROM (SELECT bucket, count(*) AS n FROM told GROUP BY bucket) WHERE n >= ${OFTEN}),
    exact AS (SELECT e, day, max(n) AS top, arg_max(h, n) AS h FROM (
      SELECT e, day, h, count(*) AS n FROM told WHERE bucket IN (SELECT bucket FROM often) GROUP BY ALL) GROUP BY e, day)
    SELECT d.e, d.day * 24 AS hour, greatest(coalesce(top, 0), ${SELDOM}) AS top, h
    FROM (SELECT DISTINCT e, hour // 24 AS day FROM an_users) d LEFT JOIN exact ON exact.e = d.e AND exact.day = d.day`,
  );
  return await magnitudesTested(asker, frame, {
    family: 'repetition',
    column: 'user_id',
    table: 'an_repeats',
    value: 'top',
    step: 'day',
    unit: 'times',
    times: 5,
    least: 20,
    where,
    flags: `--type ${type}`,
  });
}

/** Which prompt it was, from when to when it was sent, and how evenly: a small spread of the time between two is a script's. */
export async function regularity(asker: Asker, candidate: Candidate): Promise<Candidate> {
  const user = candidate.entity.user_id!;
  const [prompt] = await asker.all(
    `SELECT h FROM an_repeats WHERE e = $user AND hour = ${Math.floor(candidate.from / HOUR_US)}`,
    { user },
  );
  const hash = String(prompt!['h']);
  const [row] = await asker.all(
    `WITH sent AS (SELECT epoch_us(ts) AS sent_at, epoch_us(ts) - lag(epoch_us(ts)) OVER (ORDER BY ts, event_id) AS apart FROM records
      WHERE ${candidate.where} AND user_id = $user AND prompt_hash = $hash AND ${within(candidate.from, candidate.to)})
    SELECT min(sent_at) AS first, max(sent_at) AS last, median(apart) / 1000000 AS every_s,
      100 * mad(apart) / greatest(median(apart), 1) AS jitter FROM sent`,
    { user, hash },
  );
  const [every, jitter] = [Number(row!['every_s']), Number(row!['jitter'])];
  return {
    ...candidate,
    entity: { ...candidate.entity, prompt_hash: hash },
    from: Number(row!['first']),
    to: Number(row!['last']) + 1,
    flags: `${candidate.flags} --prompt-hash ${hash.slice(0, 16)}`,
    ...(jitter >= EVEN && { minor: true }),
    also: [
      `one about every ${every < 10 ? every.toFixed(1) : every.toFixed(0)} s, give or take ${jitter.toFixed(0)}%${jitter < EVEN ? ', as a script does' : ''}`,
    ],
  };
}

/** People's pauses differ by more hundredths of the usual one; scripts' by less. */
export const EVEN = 25;

/** Failed logins in an hour, of an address and of an account, against those of all. */
export async function doorTested(asker: Asker, frame: Frame): Promise<readonly Tested[]> {
  const told: Tested[] = [];
  const failed = "event_type = 'auth' AND (coalesce(auth_result, '') <> 'success' AND status <> 'ok')";
  for (const column of ['client_ip', 'user_id'] as const) {
    const table = column === 'user_id' ? 'an_accounts' : 'an_doors';
    await asker.keep(
      table,
      `SELECT ${column} AS e, epoch_us(ts) // ${HOUR_US} AS hour, count(*) AS failed FROM records
      WHERE ${failed} AND ${column} IS NOT NULL AND ${OTHERS} GROUP BY ALL`,
    );
    told.push(
      await magnitudesTested(asker, frame, {
        family: 'door',
        column,
        table,
        value: 'failed',
        step: 'hour',
        unit: 'failed logins',
        times: 5,
        least: 10,
        ones: 100,
        where: failed,
        flags: '--type auth',
      }),
    );
  }
  return told;
}

const DAY_US = 24 * HOUR_US;

/** Whether failed logins were followed by one that succeeded, of the same address or account within a day. */
export async function successAfter(asker: Asker, candidate: Candidate): Promise<Candidate> {
  const [column, value] = Object.entries(candidate.entity)[0]!;
  const rows = await asker.all(
    `SELECT epoch_us(ts) AS at_us, user_id, client_ip, mfa, event_id FROM records
    WHERE event_type = 'auth' AND (auth_result = 'success' OR (auth_result IS NULL AND status = 'ok'))
      AND ${column} = $value AND ${within(candidate.from, candidate.to + DAY_US)}
      AND ts > (SELECT min(ts) FROM records WHERE ${candidate.where} AND ${column} = $value AND ${within(candidate.from, candidate.to)})
    ORDER BY ts, event_id LIMIT 1`,
    { value },
  );
  const first = rows[0];
  if (!first) return { ...candidate, also: [...candidate.also, 'none succeeded within a day'] };
  const { user_id: user, client_ip: ip, mfa } = first;
  const what = `a login${user === null ? '' : ` of ${user}`}${ip === null ? '' : ` from ${ip}`} succeeded at ${tsOfMicros(Number(first['at_us']))!.slice(0, 19)}Z${mfa === false ? ' without a second factor' : ''}`;
  return { ...candidate, also: [...candidate.also, what], success: String(first['event_id']) };
}

/** Days on which a user got many tokens of completions, in answers at least twice as long as before. */
export async function exfiltrationTested(asker: Asker, frame: Frame): Promise<Tested> {
  if (frame.told.user_id === undefined || frame.told.total_tokens === undefined)
    return { family: 'exfiltration', tested: 0, candidates: [], notes: [] };
  const told = await magnitudesTested(asker, frame, {
    family: 'exfiltration',
    column: 'user_id',
    table: 'an_users',
    value: 'output',
    step: 'day',
    unit: 'tokens',
    times: 4,
    least: 20_000,
    where: `event_type = '${frame.told.user_id}'`,
    flags: `--type ${frame.told.user_id}`,
  });
  const rows =
    await asker.all(`SELECT c.e, c.step, sum(output) FILTER (o.hour // 24 = c.step) / sum(n) FILTER (o.hour // 24 = c.step) AS now,
      sum(output) FILTER (o.hour // 24 < c.step) / sum(n) FILTER (o.hour // 24 < c.step) AS past
    FROM an_users_output_day_seen c JOIN an_users o ON o.e = c.e AND o.hour // 24 BETWEEN c.step - 56 AND c.step GROUP BY ALL`);
  const lengths = new Map(rows.map(r => [`${r['step']} ${r['e']}`, r]));
  const candidates = told.candidates.flatMap(candidate => {
    const row = lengths.get(`${candidate.from / HOUR_US / 24} ${candidate.entity.user_id}`);
    const [now, past] = [Number(row?.['now'] ?? 0), Number(row?.['past'] ?? 0)];
    if (past <= 0 || now < LONGER * past) return [];
    return [{ ...candidate, also: [`${Math.round(now)} tokens an answer, ${Math.round(past)} before`] }];
  });
  return { ...told, candidates };
}

const LONGER = 2;
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
      entity: { user_id: String(r['e']) },
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
