import type { Asker, Row } from '../query/inquiry.ts';
import { usualOf } from '../stats/baseline.ts';
import { countTails } from '../stats/tails.ts';
import { numberOf, textOf } from '../report/rows.ts';
import { type Candidate, type Entity, HOUR_US, type Tested } from './finding.ts';
import { type Frame, OTHERS } from './frame.ts';
import { gathered } from './gathered.ts';
import { around } from './requests.ts';
import { type Hole, type Series, seriesOf } from './hours.ts';

const MINUTE_US = 60_000_000;
/** Gaps at least so long, in which at least so much was to be expected. */
const LEAST_MINUTES = 10;
const LEAST = 20;
/** Sources beyond so many are judged as part of all; the busiest come first. */
const SOURCES = 30;
const MODELS = 20;
const SMALL = 1e-3;

interface Gap {
  readonly from: number;
  readonly to: number;
}

/**
 * Gaps in which something was to be expected. How likely nothing is comes from the hours' counts and how they scatter; a gap
 * may begin at any minute, and each ten of them are a test.
 */
export async function silenceTested(asker: Asker, frame: Frame, holes: readonly Hole[]): Promise<Tested> {
  const sources = await asker.all(
    `SELECT source_id, sum(n) AS n FROM an_hours GROUP BY source_id ORDER BY n DESC, source_id`,
  );
  const named = sources.slice(0, SOURCES).map(r => textOf(r, 'source_id'));
  const models = (
    await asker.all(`SELECT model, sum(n) AS n FROM an_hours WHERE event_type = '${frame.told.model}' AND model IS NOT NULL
      GROUP BY model ORDER BY n DESC, model LIMIT ${MODELS}`)
  ).map(r => textOf(r, 'model'));
  await asker.keep(
    'an_minutes',
    `SELECT DISTINCT source_id, CASE WHEN event_type = '${frame.told.model}' THEN model END AS model,
      (epoch_us(ts) // ${MINUTE_US})::INT AS minute FROM records WHERE ${OTHERS}`,
  );
  const into = { tests: 0, candidates: [] as Candidate[] };
  const judgeBy = async (column: 'source_id' | 'model', names: readonly string[]): Promise<void> => {
    if (names.length < 2) return;
    const gaps = gathered(await asker.all(gapsOf(column)), r => textOf(r, 'name'));
    const hours = gathered(
      await asker.all(`SELECT ${column} AS name, hour, sum(n) AS n FROM an_hours WHERE ${column} IS NOT NULL
        ${column === 'model' ? `AND event_type = '${frame.told.model}'` : ''} GROUP BY ALL`),
      r => textOf(r, 'name'),
    );
    for (const name of names)
      judge(seriesOf(hours.get(name) ?? [], { frame, holes }), (gaps.get(name) ?? []).map(gapOf), {
        frame,
        entity: { [column]: name },
        into,
      });
  };
  const whole = await asker.all('SELECT hour, sum(n) AS n FROM an_hours GROUP BY hour');
  const gaps = await asker.all(gapsOf("''"));
  judge(seriesOf(whole, { frame, holes }), gaps.map(gapOf), { frame, entity: {}, into });
  await judgeBy('source_id', named);
  await judgeBy('model', models);
  const notes = holes.map(
    h => `nothing at all came from ${iso(h.from)} to ${iso(h.to)}: these hours are left out of what is usual`,
  );
  if (into.tests === 0) notes.push('silences could not be judged: less than three days came before');
  if (sources.length > SOURCES) notes.push(`silences were judged for the ${SOURCES} busiest sources`);
  return { family: 'silence', tested: into.tests, candidates: into.candidates, notes };
}

/**
 * Was there a gap half as long at the same time of most days of the two weeks before, or of most hours of the day before? What comes
 * in batches is silent between them; how hours scatter says nothing of that.
 */
function isHabit(gap: Gap, gaps: readonly Gap[], since: number): boolean {
  const length = gap.to - gap.from;
  const isUsual = (step: number, most: number): boolean => {
    const known = Math.min(most, Math.floor((gap.from - since) / step));
    let alike = 0;
    for (let n = 1; n <= known; n++) {
      const [from, to] = [gap.from - n * step, gap.to - n * step];
      if (gaps.some(g => g.from < to && g.to > from && g.to <= gap.from && g.to - g.from >= length / 2))
        alike++;
    }
    return known >= 3 && alike >= known / 2;
  };
  return isUsual(24 * HOUR_US, 14) || isUsual(HOUR_US, 24);
}

/** Gaps between minutes with records, by name. */
const gapsOf = (column: string): string => `SELECT name, earlier, minute FROM (
    SELECT name, lag(minute) OVER (PARTITION BY name ORDER BY minute) AS earlier, minute
    FROM (SELECT DISTINCT ${column} AS name, minute FROM an_minutes WHERE ${column} IS NOT NULL))
  WHERE minute - earlier > ${LEAST_MINUTES} ORDER BY minute`;

const gapOf = (row: Row): Gap => ({
  from: (numberOf(row, 'earlier') + 1) * MINUTE_US,
  to: numberOf(row, 'minute') * MINUTE_US,
});

const iso = (hour: number): string => `${new Date((hour * HOUR_US) / 1000).toISOString().slice(0, 16)}Z`;

function judge(
  { first, values }: Series,
  gaps: readonly Gap[],
  about: {
    readonly frame: Frame;
    readonly entity: Entity;
    readonly into: { tests: number; candidates: Candidate[] };
  },
): void {
  const { frame, entity, into } = about;
  // A part of the whole may run in batches, at hours that only weeks can tell.
  const isPart = Object.keys(entity).length > 0;
  const usual = usualOf(values, first).map(u => (isPart && u?.by !== 'hour of week' ? undefined : u));
  const inSpan = (hour: number): boolean =>
    (hour + 1) * HOUR_US > frame.since && hour * HOUR_US < frame.until;
  into.tests += usual.filter((u, i) => u && inSpan(first + i)).length * 6;
  for (const { from, to } of gaps) {
    if (to <= frame.since || from >= frame.until) continue;
    let [expected, weighted] = [0, 0];
    for (let hour = Math.floor(from / HOUR_US); hour * HOUR_US < to; hour++) {
      const known = usual[hour - first];
      if (!known) continue;
      const part = (Math.min(to, (hour + 1) * HOUR_US) - Math.max(from, hour * HOUR_US)) / HOUR_US;
      expected += part * known.mean;
      weighted += part * known.mean * known.dispersion;
    }
    if (expected < LEAST || isHabit({ from, to }, gaps, first * HOUR_US)) continue;
    const p = countTails(0, expected, weighted / expected).lower;
    if (p > SMALL) continue;
    into.candidates.push({
      family: 'silence',
      entity,
      from,
      to,
      seen: 0,
      expected,
      unit: 'records',
      p,
      by: 'the same hours before',
      also: [`nothing for ${Math.round((to - from) / MINUTE_US)} minutes`],
      where: OTHERS,
      flags: '',
      plot: () => around(first, values, usual, Math.floor(from / HOUR_US) - first),
    });
  }
}
