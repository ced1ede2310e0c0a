import { FAILED } from '../record/schema.ts';
import type { Asker, Row } from '../query/inquiry.ts';
import { OUTBREAK } from '../stats/robust.ts';
import { amountTails, countTails, robustTails } from '../stats/tails.ts';
import { activeShare } from '../stats/week.ts';
import { numberOf, textOf } from '../report/rows.ts';
import { type Candidate, FAMILIES, type Family, HOUR_US, type Tested } from './finding.ts';
import { type Frame, HOUR_OF, OTHERS } from './frame.ts';
import { hourAt } from './hours.ts';

/**
 * Thousands of users, each seldom there: what is usual for one is what its own active hours (or days) of the eight weeks before
 * were like, leaned on those of its peers while there are few; narrowed in SQL, so that only what stands out leaves the engine.
 */
export interface Magnitude {
  readonly family: Family;
  readonly column: 'user_id' | 'client_ip';
  /** The kept table, its column of amounts, and the table that is made of the two: names. */
  readonly table: string;
  readonly value: string;
  readonly step: 'hour' | 'day';
  readonly unit: 'requests' | 'tokens' | 'times' | 'failed logins';
  /** At least so many times the mean, and so much in all. */
  readonly times: number;
  readonly least: number;
  /** Each counts for so many peers that had 1 each, where hardly anyone ever has any. */
  readonly ones?: number;
  /** Which records it is about, but for entity and time. */
  readonly where: string;
  readonly flags: string;
}

/** `an_users` and `an_addresses`: an hour of one with what it asked for. */
export async function keepEntities(asker: Asker, frame: Frame): Promise<void> {
  for (const [name, column] of [
    ['an_users', 'user_id'],
    ['an_addresses', 'client_ip'],
  ] as const) {
    const type = frame.told[column];
    if (type === undefined) continue;
    await asker.keep(
      name,
      `SELECT ${column} AS e, (${HOUR_OF})::INT AS hour, count(*)::INT AS n, sum(total_tokens::DOUBLE)::BIGINT AS tokens,
        sum(output_tokens::DOUBLE)::BIGINT AS output, count(*) FILTER (${FAILED})::INT AS failed,
        count(*) FILTER (status = 'refused')::INT AS refused,
        max(${KIND})::TINYINT AS kind
      FROM records WHERE event_type = '${type}' AND ${column} IS NOT NULL AND ${OTHERS} GROUP BY ALL`,
    );
  }
  await asker.keep(
    'an_kinds',
    frame.told.user_id === undefined
      ? `SELECT '' AS e, 0 AS g WHERE false`
      : 'SELECT e, max(kind)::INT AS g FROM an_users GROUP BY e',
  );
}

const KIND =
  "CASE user_kind WHEN 'human' THEN 1 WHEN 'service' THEN 2 WHEN 'api_key' THEN 3 WHEN 'end_user' THEN 4 ELSE 0 END";

const KNOWN_DAYS = 7;
/** Eight weeks, the day itself left out. */
const PAST_DAYS = 56;
const PEER_DAYS = 28;
/** Hours (days) of one's own from which they are believed rather than the peers'. */
const OWN = 30;
/** So many of the peers' count beside one's own. */
const PEERS = 8;
/** The least that is known of a day's peers. */
const LEAST_PEERS = 100;
/** Of one's own kind, from which they are preferred to all. */
const LEAST_ALIKE = { hour: 100, day: 14 } as const;
/** Standard deviations on the scale of ratios: a second opinion, which the tail of a count alone is not. */
const FAR = 2.8;
/** The peers' scale counts as so many values above one's own middle. */
const UPPER = 4;
/** No scale of ratios is believed to be smaller. */
const LEAST_SCALE = 0.35;
const SMALL = 1e-3;
const MOST = 4000;

export async function magnitudesTested(asker: Asker, frame: Frame, what: Magnitude): Promise<Tested> {
  const { family, value, step } = what;
  const name = `${what.table}_${value}_${step}`;
  await keepPast(asker, { name, what });
  const [counted] = await asker.all(
    `SELECT count(DISTINCT (e, day)) AS days FROM ${cellsOf(what)} WHERE day >= ${Math.floor(knownFrom(frame) / 24)}
      AND day <= ${Math.floor(hourAt(frame.until - 1) / 24)}`,
  );
  const rows = await candidates(asker, { name, what, frame });
  const found = rows.map(row => judge(row, what)).filter(c => c !== undefined);
  const tests = Number(counted!['days']) * (step === 'hour' ? 24 : 1);
  const notes: string[] = [];
  if (rows.length === MOST)
    notes.push(`${FAMILIES[family]}: only the ${MOST} that stood out most were looked at closely`);
  if (tests === 0) notes.push(`${FAMILIES[family]}: there was too little before to judge any`);
  return { family, tested: tests, candidates: found, notes };
}

/** Amounts of each step that has one, as a table: asked anew each time, since keeping it would cost more than it saves. */
function cellsOf({ table, value, step }: Magnitude): string {
  return step === 'hour'
    ? `(SELECT e, hour AS step, hour // 24 AS day, ${value}::DOUBLE AS v FROM ${table} WHERE ${value} > 0)`
    : `(SELECT e, hour // 24 AS step, hour // 24 AS day, sum(${value})::DOUBLE AS v FROM ${table} WHERE ${value} > 0 GROUP BY ALL)`;
}

/**
 * `<name>_past`: for each entity and day on which it came, sums over the active steps before: `k` of them, of logarithms `a`, `b`
 * and of values `s`, `q`, outbreaks tamed; of those above the middle `ku`, and squares of their logarithms' distance from it `bu`; active days `d`; and the same of its peers `pk`, `pa`, `pb`: users of its kind
 * (people, services), or all where these are few. Of those alone who ever come near what could be told.
 */
async function keepPast(asker: Asker, { name, what }: { name: string; what: Magnitude }): Promise<void> {
  const ones = what.ones ?? 0;
  const cells = cellsOf(what);
  const peers = `ORDER BY day RANGE BETWEEN ${PEER_DAYS} PRECEDING AND 1 PRECEDING`;
  const own = `(PARTITION BY e ORDER BY day RANGE BETWEEN ${PAST_DAYS} PRECEDING AND 1 PRECEDING)`;
  await asker.keep(
    `${name}_past`,
    `WITH large AS (SELECT DISTINCT e FROM ${cells} WHERE v >= ${what.least}),
    some_of AS (SELECT * FROM ${cells} WHERE e IN (SELECT e FROM large)),
    days AS (SELECT e, day, count(*) AS k, sum(ln(v)) AS a, sum(ln(v) * ln(v)) AS b FROM some_of GROUP BY ALL),
    rough AS (SELECT e, day, sum(k) OVER own AS k, sum(a) OVER own AS a, sum(b) OVER own AS b FROM days WINDOW own AS ${own}),
    caps AS (SELECT e, day, CASE WHEN k >= 10 THEN a / k + ${OUTBREAK} * sqrt(greatest(b / k - (a / k) * (a / k), ${LEAST_SCALE ** 2})) END AS cap,
        a / k AS middle FROM rough),
    tamed AS (SELECT e, day, least(ln(v), cap) AS l, middle FROM some_of JOIN caps USING (e, day)),
    sums AS (SELECT e, day, count(*) AS k, sum(l) AS a, sum(l * l) AS b, sum(exp(l)) AS s, sum(exp(2 * l)) AS q,
        count(*) FILTER (l > middle) AS ku, coalesce(sum((l - middle) ** 2) FILTER (l > middle), 0) AS bu FROM tamed GROUP BY ALL),
    own_past AS (SELECT e, day, sum(k) OVER own AS k, sum(a) OVER own AS a, sum(b) OVER own AS b, sum(s) OVER own AS s,
        sum(q) OVER own AS q, sum(ku) OVER own AS ku, sum(bu) OVER own AS bu, count(*) OVER own AS d
      FROM sums WINDOW own AS ${own}),
    groups AS (SELECT coalesce(g, 0) AS g, day, count(*) AS k, sum(ln(v)) AS a, sum(ln(v) * ln(v)) AS b
      FROM ${cells} LEFT JOIN an_kinds USING (e) GROUP BY ALL),
    alike AS (SELECT g, day, ${PEER_SUMS} FROM groups WINDOW past AS (PARTITION BY g ${peers})),
    everyone AS (SELECT day, ${PEER_SUMS} FROM (SELECT day, sum(k) AS k, sum(a) AS a, sum(b) AS b FROM groups GROUP BY day)
      WINDOW past AS (${peers})),
    peers AS (SELECT alike.g, day, ${ones} + CASE WHEN alike.k >= ${LEAST_ALIKE[what.step]} THEN alike.k ELSE everyone.k END AS pk,
        CASE WHEN alike.k >= ${LEAST_ALIKE[what.step]} THEN alike.a ELSE everyone.a END AS pa,
        CASE WHEN alike.k >= ${LEAST_ALIKE[what.step]} THEN alike.b ELSE everyone.b END AS pb
      FROM alike JOIN everyone USING (day))
    SELECT own_past.*, pk, pa, pb FROM own_past LEFT JOIN an_kinds USING (e)
      JOIN peers ON peers.day = own_past.day AND peers.g = coalesce(an_kinds.g, 0)`,
  );
}

const PEER_SUMS =
  'coalesce(sum(k) OVER past, 0) AS k, coalesce(sum(a) OVER past, 0) AS a, coalesce(sum(b) OVER past, 0) AS b';

/** A first week says what is usual, and is not judged itself: hours since 1970. */
const knownFrom = (frame: Frame): number =>
  Math.max(hourAt(frame.since), hourAt(frame.from) + KNOWN_DAYS * 24);

async function candidates(
  asker: Asker,
  { name, what, frame }: { name: string; what: Magnitude; frame: Frame },
): Promise<readonly Row[]> {
  const hours = what.step === 'hour' ? 1 : 24;
  const [since, until] = [knownFrom(frame) / hours, (hourAt(frame.until - 1) + 1) / hours];
  await asker.keep(
    `${name}_seen`,
    `SELECT c.e, c.step, c.day, c.v, k, a, b, s, q, ku, bu, d, pk, pa, pb FROM ${cellsOf(what)} c JOIN ${name}_past p ON p.e = c.e AND p.day = c.day
    WHERE c.v >= ${what.least} AND c.step + 1 > ${since} AND c.step < ${until}
      AND c.v >= ${what.times} * coalesce(CASE WHEN k >= ${OWN} THEN s / k END, exp((coalesce(a, 0) + coalesce(${PEERS} * pa / nullif(pk, 0), 0)) / (coalesce(k, 0) + ${PEERS})))
      AND (coalesce(k, 0) >= ${OWN} OR coalesce(pk, 0) >= ${LEAST_PEERS})
    ORDER BY ln(c.v) - coalesce(a / k, pa / nullif(pk, 0)) DESC, c.e, c.step LIMIT ${MOST}`,
  );
  if (what.step === 'day') return await asker.all(`SELECT * FROM ${name}_seen`);
  return await asker.all(`WITH there_at AS (SELECT c.e, c.step, count(DISTINCT o.day) AS there
      FROM ${name}_seen c JOIN ${cellsOf(what)} o ON o.e = c.e AND o.day < c.day AND o.day >= c.day - ${PAST_DAYS}
        AND abs((o.step - c.step) % 24) IN (0, 1, 23) GROUP BY ALL)
    SELECT c.*, coalesce(t.there, 0) AS there FROM ${name}_seen c LEFT JOIN there_at t ON t.e = c.e AND t.step = c.step`);
}

/**
 * Variance of logarithms above the middle: a quiet day is ten times less than a usual one more easily than a busy one is ten times
 * more, and would hide it. Of user-days and user-hours of composed months without incidents, one in 1,000 lies beyond
 * 2.7 to 2.9 deviations so made, and one in 10,000 beyond 3.3 to 3.7; with both halves beyond 3.5 to 5.6.
 */
function upperScale(row: Row): number {
  const pk = numberOf(row, 'pk');
  const middle = numberOf(row, 'pa') / Math.max(1, pk);
  const peers = pk > 0 ? numberOf(row, 'pb') / pk - middle ** 2 : 1;
  const prior = Math.min(1, Math.max(LEAST_SCALE ** 2, peers));
  return Math.max(LEAST_SCALE ** 2, (numberOf(row, 'bu') + UPPER * prior) / (numberOf(row, 'ku') + UPPER));
}

function judge(row: Row, what: Magnitude): Candidate | undefined {
  const [v, k, pk] = [numberOf(row, 'v'), numberOf(row, 'k'), numberOf(row, 'pk')];
  const weight = pk > 0 ? PEERS : 0;
  const place = (numberOf(row, 'a') + (weight * numberOf(row, 'pa')) / Math.max(1, pk)) / (k + weight);
  const square = (numberOf(row, 'b') + (weight * numberOf(row, 'pb')) / Math.max(1, pk)) / (k + weight);
  const scale = Math.max(LEAST_SCALE ** 2, square - place * place);
  const z = (Math.log(v) - place) / Math.sqrt(upperScale(row));
  if (z < FAR) return undefined;
  const isOwn = k >= OWN;
  const mean = isOwn ? numberOf(row, 's') / k : Math.exp(place + scale / 2);
  const spread = isOwn
    ? Math.max(numberOf(row, 'q') / k - mean * mean, mean * mean * LEAST_SCALE ** 2)
    : mean * mean * (Math.exp(scale) - 1);
  const variance = spread * (1 + 2 / (k + weight));
  if (v < what.times * mean) return undefined;
  const large =
    what.unit !== 'tokens'
      ? countTails(v, mean, Math.max(1, variance / mean)).upper
      : // Tokens of a request are log-normal, of many a sum: the tail lies between the two.
        Math.sqrt(amountTails(v, mean, variance).upper * robustTails(z, 200).upper);
  const days = numberOf(row, 'd');
  const there = numberOf(row, 'there');
  const p = large * (what.step === 'hour' ? activeShare(there, days, 0.2, 4) : 1);
  if (p > SMALL) return undefined;
  const length = what.step === 'hour' ? HOUR_US : 24 * HOUR_US;
  const from = numberOf(row, 'step') * length;
  return {
    family: what.family,
    entity: { [what.column]: textOf(row, 'e') },
    from,
    to: from + length,
    seen: v,
    expected: mean,
    unit: what.unit,
    p,
    by: isOwn
      ? `its own ${k} active ${what.step}s before`
      : k > 0
        ? `its own ${k} active ${what.step}${k === 1 ? '' : 's'} before, and its peers'`
        : `its peers' active ${what.step}s before`,
    also:
      what.step === 'hour' && days >= 20 && there <= days / 20
        ? [`active at this hour on ${there} of ${days} days before`]
        : [],
    where: what.where,
    flags: what.flags,
  };
}
