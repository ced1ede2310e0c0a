import type { Asker, Row } from '../query/inquiry.ts';
import { placeAndScale } from '../stats/robust.ts';
import { robustTails } from '../stats/tails.ts';
import { hourOfDay } from '../stats/week.ts';
import { textOf } from '../report/rows.ts';
import { type Candidate, HOUR_US, type Tested } from './finding.ts';
import { type Frame, HOUR_OF, OTHERS } from './frame.ts';
import { gathered } from './gathered.ts';

const MODELS = 40;
const PAST_HOURS = 28 * 24;
/** Requests of a model in an hour, and earlier hours at that time of the day, from which something can be said. */
const LEAST_REQUESTS = 5;
const LEAST_HOURS = 15;
const TIMES = 1.5;
/** Of logarithms: hours differ so much at least. */
const LEAST_SCALE = 0.08;
const SMALL = 1e-3;

/**
 * How long requests took, compared with ones of like length: the mean logarithm of the latency over what requests of the same
 * model with as many tokens (bands of powers of 2) took in the four weeks before, against the same time of day.
 */
export async function latencyTested(asker: Asker, frame: Frame): Promise<Tested> {
  const type = frame.told.latency_us;
  const none: Tested = { family: 'latency', tested: 0, candidates: [], notes: [] };
  if (type === undefined) return { ...none, notes: ['latency could not be judged: no record tells it'] };
  const rows =
    await asker.all(`WITH busiest AS (SELECT model FROM an_hours WHERE event_type = '${type}' AND model IS NOT NULL
      GROUP BY model ORDER BY sum(n) DESC, model LIMIT ${MODELS}),
    bands AS (SELECT model, ${HOUR_OF} AS hour, floor(log2(1 + coalesce(output_tokens, 0)))::INT AS o,
        floor(log2(1 + coalesce(input_tokens, 0) - coalesce(cached_tokens, 0)))::INT AS i, count(*) AS n,
        sum(ln(greatest(latency_us, 1))) AS l, sum(latency_us)::DOUBLE AS us
      FROM records WHERE event_type = '${type}' AND latency_us IS NOT NULL AND status = 'ok' AND ${OTHERS}
        AND model IN (SELECT model FROM busiest) GROUP BY ALL),
    days AS (SELECT model, o, i, hour // 24 AS day, sum(n) AS n, sum(l) AS l FROM bands GROUP BY ALL),
    past AS (SELECT model, o, i, day, sum(l) OVER own / sum(n) OVER own AS usual FROM days
      WINDOW own AS (PARTITION BY model, o, i ORDER BY day RANGE BETWEEN 28 PRECEDING AND 1 PRECEDING))
    SELECT model, hour, sum(n) AS n, sum(l - n * usual) / sum(n) AS off, sum(us) / sum(n) / 1000 AS ms
    FROM bands JOIN past USING (model, o, i) WHERE past.day = hour // 24 AND usual IS NOT NULL
    GROUP BY model, hour HAVING sum(n) >= ${LEAST_REQUESTS} ORDER BY model, hour`);
  let tests = 0;
  const candidates: Candidate[] = [];
  for (const [model, hours] of gathered(rows, r => textOf(r, 'model'))) {
    const told = judge(hours, { frame, type, model });
    tests += told.tests;
    candidates.push(...told.candidates);
  }
  if (tests === 0) return { ...none, notes: ['latency could not be judged: too little came before'] };
  return { ...none, tested: tests, candidates };
}

function judge(
  rows: readonly Row[],
  { frame, type, model }: { frame: Frame; type: string; model: string },
): { tests: number; candidates: Candidate[] } {
  const candidates: Candidate[] = [];
  let tests = 0;
  const hours = rows.map(r => ({
    hour: Number(r['hour']),
    n: Number(r['n']),
    off: Number(r['off']),
    ms: Number(r['ms']),
  }));
  const byHour = new Map(hours.map(h => [h.hour, h]));
  for (const { hour, n, off, ms } of hours) {
    const from = hour * HOUR_US;
    if (from + HOUR_US <= frame.since || from >= frame.until) continue;
    const alike: number[] = [];
    for (let at = hour - 24; at >= hour - PAST_HOURS; at -= 24)
      for (const near of [at - 1, at, at + 1]) {
        const known = byHour.get(near);
        if (known) alike.push(known.off);
      }
    if (alike.length < LEAST_HOURS) continue;
    tests++;
    const { place, scale } = placeAndScale(alike);
    const times = Math.exp(off - place);
    if (times < TIMES) continue;
    const p = robustTails((off - place) / Math.max(LEAST_SCALE, scale), Math.min(30, alike.length - 1)).upper;
    if (p > SMALL) continue;
    candidates.push({
      family: 'latency',
      entity: { model },
      from,
      to: from + HOUR_US,
      seen: ms,
      expected: ms / times,
      unit: 'ms',
      p,
      by: `requests of like length around ${hourOfDay(hour)}:00 in the four weeks before`,
      also: [`mean of ${n} requests`],
      where: `event_type = '${type}' AND latency_us IS NOT NULL`,
      flags: `--type ${type}`,
    });
  }
  return { tests, candidates };
}
