import type { Asker, Row } from '../query/inquiry.ts';
import { countTails } from '../stats/tails.ts';
import { textOf } from '../report/rows.ts';
import { type Candidate, HOUR_US, type Tested } from './finding.ts';
import type { Frame } from './frame.ts';
import { withoutMoved } from './moved.ts';

/** Before so many days nothing is new: all is. */
const KNOWN_DAYS = 7;
/** Other new ones from which is known how a new one begins. */
const LEAST_OTHERS = 20;
const PAST_DAYS = 56;
const TIMES = 3;
const LEAST = 30;
const FAR = 2.5;
const LEAST_SCALE = 0.5;
const SMALL = 1e-4;

/**
 * What an address that nobody used before asked for within its first day, against how other new ones began in the eight weeks
 * before; where few did, against days of any address.
 */
export async function newAddressesTested(asker: Asker, frame: Frame): Promise<Tested> {
  const family = 'new-address';
  const type = frame.told.client_ip;
  if (type === undefined) return { family, tested: 0, candidates: [], notes: ['no record tells an address'] };
  await asker.keep(
    'an_new',
    `WITH firsts AS (SELECT e, min(hour) AS first FROM an_addresses GROUP BY e),
    begun AS (SELECT e, first, sum(n)::DOUBLE AS v, max(hour) AS last FROM an_addresses JOIN firsts USING (e)
      WHERE hour < first + 24 GROUP BY ALL),
    new AS (SELECT * FROM begun WHERE first >= (SELECT min(hour) FROM an_addresses) + ${KNOWN_DAYS * 24}),
    days AS (SELECT day, count(*) AS k, sum(ln(v)) AS a, sum(ln(v) * ln(v)) AS b
      FROM (SELECT e, hour // 24 AS day, sum(n)::DOUBLE AS v FROM an_addresses GROUP BY ALL) GROUP BY day),
    pool AS (SELECT day, sum(k) OVER before AS k, sum(a) OVER before AS a, sum(b) OVER before AS b FROM days
      WINDOW before AS (ORDER BY day RANGE BETWEEN ${PAST_DAYS} PRECEDING AND 1 PRECEDING)),
    judged AS (SELECT *, count(*) OVER others AS nk, sum(ln(v)) OVER others AS na, sum(ln(v) * ln(v)) OVER others AS nb
      FROM new WINDOW others AS (ORDER BY first RANGE BETWEEN ${PAST_DAYS * 24} PRECEDING AND 24 PRECEDING))
    SELECT e, first, last, v, nk >= ${LEAST_OTHERS} AS is_new, CASE WHEN nk >= ${LEAST_OTHERS} THEN nk ELSE coalesce(pool.k, 0) END AS k,
      CASE WHEN nk >= ${LEAST_OTHERS} THEN na ELSE pool.a END AS a, CASE WHEN nk >= ${LEAST_OTHERS} THEN nb ELSE pool.b END AS b
    FROM judged LEFT JOIN pool ON pool.day = first // 24`,
  );
  const since = Math.floor(frame.since / HOUR_US);
  const known = `k >= ${LEAST_OTHERS} AND first >= ${since} AND first < ${Math.ceil(frame.until / HOUR_US)}`;
  const tested = Number((await asker.all(`SELECT count(*) AS n FROM an_new WHERE ${known}`))[0]!['n']);
  const rows = await asker.all(
    `SELECT * FROM an_new WHERE ${known} AND v >= ${LEAST} AND v >= ${TIMES} * exp(a / k) ORDER BY v DESC, e LIMIT 2000`,
  );
  const notes =
    tested === 0
      ? [
          `new addresses could not be judged: none came ${KNOWN_DAYS} days after the first record and with ${LEAST_OTHERS} days of others before`,
        ]
      : [];
  const all = rows.map(r => judge(r, type, frame)).filter(c => c !== undefined);
  const candidates = await withoutMoved(asker, { frame, candidates: all, times: TIMES });
  return { family, tested, candidates, notes };
}

function judge(row: Row, type: string, frame: Frame): Candidate | undefined {
  const [v, k] = [Number(row['v']), Number(row['k'])];
  const place = Number(row['a']) / k;
  const scale = Math.max(LEAST_SCALE ** 2, Number(row['b']) / k - place * place);
  if ((Math.log(v) - place) / Math.sqrt(scale) < FAR) return undefined;
  const mean = Math.exp(place + scale / 2);
  const variance = mean * mean * (Math.exp(scale) - 1) * (1 + 2 / k);
  const p = countTails(v, mean, Math.max(1, variance / mean)).upper;
  if (v < TIMES * mean || p > SMALL) return undefined;
  const from = Number(row['first']) * HOUR_US;
  return {
    family: 'new-address',
    entity: { client_ip: textOf(row, 'e') },
    from,
    to: (Number(row['last']) + 1) * HOUR_US,
    seen: v,
    expected: mean,
    unit: 'requests',
    p,
    by:
      row['is_new'] === true ? `the first days of ${k} other new addresses` : `${k} days of other addresses`,
    also: [`not seen in the ${Math.floor((from - frame.from) / (24 * HOUR_US))} days before`],
    where: `event_type = '${type}'`,
    flags: `--type ${type}`,
  };
}

/** A model, or a version of one, that answered for the first time in what was looked at: a fact, and no test. */
export interface Change {
  readonly model: string;
  readonly model_version: string | null;
  /** Microseconds since 1970, of hours. */
  readonly first: number;
  readonly last: number;
  readonly requests: number;
}

export async function changesOf(asker: Asker, frame: Frame): Promise<readonly Change[]> {
  const type = frame.told.model;
  if (type === undefined) return [];
  const rows =
    await asker.all(`SELECT model, model_version, min(hour) AS first, max(hour) + 1 AS last, sum(n) AS n
    FROM an_hours WHERE event_type = '${type}' AND model IS NOT NULL GROUP BY ALL
    HAVING min(hour) >= (SELECT min(hour) FROM an_hours) + ${KNOWN_DAYS * 24} ORDER BY first, model, model_version LIMIT 200`);
  return rows
    .map(r => ({
      model: textOf(r, 'model'),
      model_version: r['model_version'] === null ? null : textOf(r, 'model_version'),
      first: Number(r['first']) * HOUR_US,
      last: Number(r['last']) * HOUR_US,
      requests: Number(r['n']),
    }))
    .filter(c => c.first + HOUR_US > frame.since && c.first < frame.until);
}
