import type { Asker, Row } from '../query/inquiry.ts';
import { tsOfMicros } from '../record/time.ts';
import { bandOf, tailsOf, type Usual, usualOf } from '../stats/baseline.ts';
import { textOf } from '../report/rows.ts';
import { type Candidate, type Entity, HOUR_US, type Plotted, type Tested } from './finding.ts';
import type { Frame } from './frame.ts';
import { gathered } from './gathered.ts';
import { type Hole, hourAt, type Series, seriesOf } from './hours.ts';

/** Twice as much as usual, or a quarter, and at least so many more or fewer: less is not worth anyone's time. */
const TIMES = 2;
const PART = 0.25;
const LEAST = 30;
/** Models beyond so many are not judged by themselves; the busiest come first. */
const MODELS = 40;
const SMALL = 1e-3;
/** Before three weeks tell at which hours of a week a batch runs, it takes much to be told. */
const EARLY = 1e-7;
const LONG_HOURS = 3;
const GONE_HOURS = 24;

/** Requests an hour, of all and of each model, against the same hours of the weeks before. */
export async function requestsTested(asker: Asker, frame: Frame, holes: readonly Hole[]): Promise<Tested> {
  const tested = { tests: 0, candidates: [] as Candidate[] };
  const notes: string[] = [];
  const type = frame.told.model ?? frame.told.user_id ?? frame.told.client_ip;
  if (type === undefined)
    return { family: 'requests', tested: 0, candidates: [], notes: ['there are no requests to count'] };
  const all = await asker.all(
    `SELECT hour, sum(n) AS n FROM an_hours WHERE event_type = '${type}' GROUP BY hour`,
  );
  judge(seriesOf(all, { frame, holes }), { frame, type, entity: {}, into: tested });
  const { models, left } = await busiest(asker, type);
  for (const [model, rows] of models) {
    const last = Math.max(...rows.map(r => Number(r['hour'])));
    // One that stays away is replaced, renamed or retired: a fact. If nothing took its place, all are fewer.
    const gone = last + GONE_HOURS < hourAt(frame.to) ? last : undefined;
    if (gone !== undefined && models.size > 1 && (gone + 1) * HOUR_US > frame.since)
      notes.push(
        `${model} answered last at ${tsOfMicros((gone + 1) * HOUR_US)!.slice(0, 16)}Z: what is missing of it since is not judged`,
      );
    if (models.size > 1)
      judge(seriesOf(rows, { frame, holes }), { frame, type, entity: { model }, into: tested, gone });
  }
  if (left > 0)
    notes.push(
      `requests an hour were judged for the ${MODELS} busiest models; ${left} more only as part of all`,
    );
  if (tested.tests === 0)
    notes.push('requests an hour could not be judged: less than three days came before any of them');
  return { family: 'requests', tested: tested.tests, candidates: tested.candidates, notes };
}

async function busiest(
  asker: Asker,
  type: string,
): Promise<{ readonly models: ReadonlyMap<string, Row[]>; readonly left: number }> {
  const rows = await asker.all(`WITH busiest AS (
      SELECT model FROM an_hours WHERE event_type = '${type}' AND model IS NOT NULL
      GROUP BY model ORDER BY sum(n) DESC, model LIMIT ${MODELS})
    SELECT model, hour, sum(n) AS n,
      (SELECT count(DISTINCT model) FROM an_hours WHERE event_type = '${type}') AS models
    FROM an_hours WHERE event_type = '${type}' AND model IN (SELECT model FROM busiest)
    GROUP BY model, hour`);
  return {
    models: gathered(rows, r => textOf(r, 'model')),
    left: Number(rows[0]?.['models'] ?? 0) - Math.min(MODELS, Number(rows[0]?.['models'] ?? 0)),
  };
}

function judge(
  { first, values }: Series,
  about: {
    readonly frame: Frame;
    readonly type: string;
    readonly entity: Entity;
    readonly gone?: number | undefined;
    readonly into: { tests: number; candidates: Candidate[] };
  },
): void {
  const { frame, into, entity, type } = about;
  const all = usualOf(values, first);
  for (const [i, usual] of all.entries()) {
    const value = values[i];
    const from = (first + i) * HOUR_US;
    if (!usual || value === null || value === undefined) continue;
    if (from + HOUR_US <= frame.since || from >= frame.until) continue;
    // The last hour isn't over: more than usual says something, less does not.
    const isWhole = i < values.length - 1 && first + i <= (about.gone ?? Infinity);
    into.tests += isWhole ? 2 : 1;
    const { upper, lower } = tailsOf(value, usual);
    const isEarly = usual.by !== 'hour of week';
    const small = isEarly ? EARLY : SMALL;
    const isMore = upper < small && value >= TIMES * usual.mean && value - usual.mean >= LEAST;
    const isLess = isWhole && lower < small && value <= PART * usual.mean && usual.mean - value >= LEAST;
    const told = {
      family: 'requests',
      entity,
      unit: 'requests',
      also: [],
      where: `event_type = '${type}'`,
    } as const;
    const by = `${usual.by === 'recent hours' ? usual.by : `same ${usual.by}`} before`;
    const plot = () => around(first, values, all, i);
    const flags = `--type ${type}`;
    if (isMore || isLess)
      into.candidates.push({
        ...told,
        from,
        to: from + HOUR_US,
        seen: value,
        expected: usual.mean,
        usual: bandOf(usual),
        p: isMore ? upper : lower,
        by: `the ${by}`,
        flags,
        plot,
      });
    const long = isEarly ? undefined : longAt(values, all, i);
    if (!long) continue;
    into.tests++;
    const p = tailsOf(long.value, long.usual).upper;
    // The hour itself has to be one of more, or what is over would go on for two more.
    if (p >= SMALL || value < TIMES * usual.mean) continue;
    if (long.value < TIMES * long.usual.mean || long.value - long.usual.mean < LEAST) continue;
    into.candidates.push({
      ...told,
      from: from - (LONG_HOURS - 1) * HOUR_US,
      to: from + HOUR_US,
      seen: long.value,
      expected: long.usual.mean,
      usual: bandOf(long.usual),
      p,
      by: `the ${by}, three together`,
      flags,
      plot,
    });
  }
}

/** An hour with the two before: of few requests an hour, what is so much for longer shows in no hour alone. */
function longAt(
  values: Series['values'],
  all: readonly (Usual | undefined)[],
  i: number,
): { readonly value: number; readonly usual: Usual } | undefined {
  let [value, mean, variance] = [0, 0, 0];
  for (let k = i - LONG_HOURS + 1; k <= i; k++) {
    const [one, usual] = [values[k], all[k]];
    if (one === null || one === undefined || !usual) return undefined;
    value += one;
    mean += usual.mean;
    variance += usual.mean * usual.dispersion;
  }
  return { value, usual: { mean, dispersion: variance / mean, by: all[i]!.by } };
}

/** Three days before an hour and one behind, with their bands. */
export function around(
  first: number,
  values: Series['values'],
  all: readonly (Usual | undefined)[],
  i: number,
): Plotted[] {
  const from = Math.max(0, i - 72);
  return values.slice(from, i + 25).map((value, k): Plotted => {
    const usual = all[from + k];
    const known = usual && { usual: { ...bandOf(usual), mid: usual.mean } };
    return { at: (first + from + k) * HOUR_US, value, ...known };
  });
}
