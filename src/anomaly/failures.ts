import { FAILED } from '../record/schema.ts';
import type { Asker, Row } from '../query/inquiry.ts';
import { OUTBREAK } from '../stats/robust.ts';
import { shareTails } from '../stats/tails.ts';
import { textOf } from '../report/rows.ts';
import { type Candidate, type Entity, HOUR_US, type Plotted, type Tested } from './finding.ts';
import type { Frame } from './frame.ts';
import { gathered } from './gathered.ts';

/** Versions beyond so many are judged as part of their model; the busiest come first. */
const GROUPS = 60;
const PAST_HOURS = 28 * 24;
/** From so many requests on, a group's own past is believed. */
const OWN = 500;
/** Hours with fewer requests say nothing of a share. */
const LEAST_REQUESTS = 10;
const LEAST_FAILED = 5;
const TIMES = 3;
/** And by so much of all requests more. */
const MORE = 0.05;
const LEAST_SPREAD = 0.005;
const LONG_HOURS = 6;
const SMALL = 1e-3;

interface Hour {
  readonly hour: number;
  readonly n: number;
  readonly failed: number;
}

/** Failed requests an hour, of each model and each of its versions, against the four weeks before. */
export async function failuresTested(asker: Asker, frame: Frame): Promise<Tested> {
  const type = frame.told.model ?? frame.told.user_id ?? frame.told.client_ip;
  if (type === undefined) return { family: 'failures', tested: 0, candidates: [], notes: [] };
  const rows =
    await asker.all(`WITH busiest AS (SELECT model, model_version FROM an_hours WHERE event_type = '${type}'
      GROUP BY ALL ORDER BY sum(n) DESC, model, model_version LIMIT ${GROUPS})
    SELECT h.model, h.model_version, hour, sum(n) AS n, sum(failed) AS failed, (SELECT count(*) FROM busiest) AS groups
    FROM an_hours h JOIN busiest b ON h.model IS NOT DISTINCT FROM b.model AND h.model_version IS NOT DISTINCT FROM b.model_version
    WHERE event_type = '${type}' GROUP BY ALL ORDER BY hour`);
  const into = { tests: 0, candidates: [] as Candidate[] };
  const all = new Shares(summed(rows), undefined);
  const about = { frame, type, into };
  judge(all, {}, about);
  for (const [, ofModel] of gathered(rows, r => textOf(r, 'model'))) {
    const model = ofModel[0]!['model'];
    if (model === null || model === undefined) continue;
    const shares = new Shares(summed(ofModel), all);
    const entity = { model: textOf(ofModel[0], 'model') };
    judge(shares, entity, about);
    const versions = gathered(ofModel, r => textOf(r, 'model_version'));
    for (const [version, ofVersion] of versions)
      if (ofVersion[0]!['model_version'] !== null && versions.size > 1)
        judge(new Shares(summed(ofVersion), shares), { ...entity, model_version: version }, about);
  }
  const notes =
    Number(rows[0]?.['groups'] ?? 0) === GROUPS
      ? [`failures were judged for the ${GROUPS} busiest versions`]
      : [];
  if (into.tests === 0) notes.push('failures could not be judged: too few requests came before any hour');
  return { family: 'failures', tested: into.tests, candidates: into.candidates, notes };
}

function summed(rows: readonly Row[]): Hour[] {
  return [...gathered(rows, r => textOf(r, 'hour'))].map(([hour, some]) => ({
    hour: Number(hour),
    n: some.reduce((sum, r) => sum + Number(r['n']), 0),
    failed: some.reduce((sum, r) => sum + Number(r['failed']), 0),
  }));
}

interface Share {
  readonly share: number;
  readonly spread: number;
  readonly isOwn: boolean;
}

/** Shares of failed requests, with what was usual before each hour; outbreaks tamed. */
class Shares {
  readonly hours: readonly Hour[];
  readonly whole: Shares | undefined;
  readonly usual: readonly (Share | undefined)[];
  readonly #at = new Map<number, number>();

  constructor(hours: readonly Hour[], whole: Shares | undefined) {
    this.hours = hours;
    this.whole = whole;
    const tamed: number[] = [];
    const usual: (Share | undefined)[] = [];
    const sums = { n: 0, failed: 0, off: 0, degrees: 0, weight: 0 };
    const parts: { off: number; weight: number }[] = [];
    let oldest = 0;
    for (const [i, { hour, n, failed }] of hours.entries()) {
      for (; hours[oldest]!.hour < hour - PAST_HOURS; oldest++) {
        sums.n -= hours[oldest]!.n;
        sums.failed -= tamed[oldest]!;
        sums.off -= parts[oldest]!.off;
        sums.weight -= parts[oldest]!.weight;
        sums.degrees -= parts[oldest]!.weight > 0 ? 1 : 0;
      }
      const above = whole?.at(hour);
      const own = sums.n >= OWN;
      const spread =
        sums.degrees >= 24
          ? Math.max(0, (sums.off / sums.degrees - 1) / Math.max(1, sums.weight / sums.degrees - 1))
          : 0.02;
      const found: Share | undefined = own
        ? { share: (sums.failed + 0.5) / (sums.n + 1), spread: Math.max(LEAST_SPREAD, spread), isOwn: true }
        : above && { ...above, isOwn: false };
      usual.push(found);
      this.#at.set(hour, i);
      const share = found?.share ?? 0.02;
      const variance = n * share * (1 - share) * (1 + (n - 1) * (found?.spread ?? 0.02));
      const counted = Math.min(failed, n * share + OUTBREAK * Math.sqrt(variance) + 1);
      tamed.push(counted);
      const part =
        n >= 5 && found
          ? { off: (counted - n * share) ** 2 / (n * share * (1 - share)), weight: n }
          : { off: 0, weight: 0 };
      parts.push(part);
      sums.n += n;
      sums.failed += counted;
      sums.off += part.off;
      sums.weight += part.weight;
      sums.degrees += part.weight > 0 ? 1 : 0;
    }
    this.usual = usual;
  }

  at(hour: number): Share | undefined {
    const i = this.#at.get(hour);
    return i === undefined ? undefined : this.usual[i];
  }
}

interface Judging {
  readonly frame: Frame;
  readonly type: string;
  readonly into: { tests: number; candidates: Candidate[] };
}

/** Each hour, and with it the five before: what fails for long of few requests shows in no hour alone. */
function judge(shares: Shares, entity: Entity, { frame, type, into }: Judging): void {
  const { hours, usual } = shares;
  let oldest = 0;
  for (const [i, { hour }] of hours.entries()) {
    const to = (hour + 1) * HOUR_US;
    if (to <= frame.since || hour * HOUR_US >= frame.until) continue;
    while (hours[oldest]!.hour < hour - LONG_HOURS + 1) oldest++;
    for (const first of oldest === i ? [i] : [i, oldest]) {
      const known = usual[first];
      const some = hours.slice(first, i + 1);
      const n = some.reduce((sum, h) => sum + h.n, 0);
      if (!known || n < LEAST_REQUESTS) continue;
      into.tests++;
      const failed = some.reduce((sum, h) => sum + h.failed, 0);
      const seen = failed / n;
      // The hour itself has to fail, or what is over would go on for five more.
      const isNow = hours[i]!.failed >= TIMES * known.share * hours[i]!.n;
      if (!isNow || failed < LEAST_FAILED || seen < TIMES * known.share || seen < known.share + MORE)
        continue;
      const p = shareTails(failed, n, known.share, known.spread).upper;
      if (p > SMALL) continue;
      into.candidates.push({
        family: 'failures',
        entity,
        from: hours[first]!.hour * HOUR_US,
        to,
        seen: 100 * seen,
        expected: 100 * known.share,
        unit: '%',
        p,
        by: known.isOwn ? 'its own four weeks before' : 'what it is part of, four weeks before',
        also: [`${failed} of ${n} requests`],
        where: `event_type = '${type}' AND ${FAILED}`,
        flags: `--type ${type} --status error,denied`,
        // A version that is new is drawn within its model.
        plot: () => plotOf(known.isOwn ? shares : (shares.whole ?? shares), hour),
      });
    }
  }
}

/** Three days before and one behind, in hundredths; hours without requests have no share. */
function plotOf({ hours, usual }: Shares, middle: number): Plotted[] {
  const byHour = new Map(hours.map((h, k) => [h.hour, k]));
  return Array.from({ length: 97 }, (_, k): Plotted => {
    const hour = middle - 72 + k;
    const found = byHour.get(hour);
    if (found === undefined) return { at: hour * HOUR_US, value: null };
    const { n, failed } = hours[found]!;
    const known = usual[found];
    const deviation = known && Math.sqrt(known.share * (1 - known.share) * (1 / n + known.spread));
    return {
      at: hour * HOUR_US,
      value: (100 * failed) / n,
      ...(known && {
        usual: {
          low: 0,
          mid: 100 * known.share,
          high: 100 * Math.min(1, known.share + OUTBREAK * deviation!),
        },
      }),
    };
  });
}
