import { countTails, type Tails } from './tails.ts';
import { OUTBREAK, tamed } from './robust.ts';
import { HOURS_OF_WEEK, isWeekend } from './week.ts';

/**
 * What is usual for the hours of a dense series of counts, each from what came before it alone (in the manner of Farrington
 * and Noufaily): the mean of the same hour of earlier weeks and its neighbours, past outbreaks tamed, times how the last
 * week compared; and how much counts scatter around that.
 */
export interface Usual {
  readonly mean: number;
  /** Variance over mean. */
  readonly dispersion: number;
  /** What it was made from: three weeks and more, three days and more, or only that it is a number. */
  readonly by: 'hour of week' | 'hour of day' | 'recent hours';
}

const WEEKS = 8;
const LEAST_WEEKS = 3;
const DAYS = 14;
const LEAST_DAYS = 3;
/** No hour is judged before there are so many. */
const LEAST_HOURS = 72;
const SCATTER_HOURS = 28 * 24;
const LEAST_SCATTER = 48;
const LOCAL_DAYS = 28;
const LOCAL_WEIGHT = 5;
/** A day may be a tenth busier than another without being news: counts scatter by that share too, however large they are. */
const SHARE = 0.1;
/** Of the level: a week, and the day before the hour left out, so that what grows slowly isn't its own excuse. */
const LEVEL_HOURS = 7 * 24;
const LEVEL_LAG = 24;
/** Hours whose mean is smaller than this are judged as if it were so large: of none, nothing could come. */
const LEAST_MEAN = 0.5;

/**
 * `values`: counts of hours one after another, null where nothing can be known; `first`: the hour since 1970 of the first.
 * undefined: too little came before.
 */
export function usualOf(values: readonly (number | null)[], first: number): (Usual | undefined)[] {
  const past = new Past(values, first);
  return values.map((value, i) => {
    const usual = past.usualAt(i);
    past.add(i, value, usual);
    return usual;
  });
}

export function tailsOf(value: number, { mean, dispersion }: Usual): Tails {
  return countTails(value, mean, dispersion);
}

class Past {
  readonly #first: number;
  /** As they count for what comes behind them. */
  readonly #values: (number | null)[];
  readonly #bases: (number | undefined)[] = [];
  /** Running sums: of residuals, their number, values and bases. */
  readonly #scatter = new Running();
  readonly #level = new Running();
  readonly #base = new Running();

  constructor(values: readonly (number | null)[], first: number) {
    this.#values = [...values];
    this.#first = first;
  }

  usualAt(i: number): Usual | undefined {
    const found = this.#reference(i);
    this.#bases[i] = found?.mean;
    const scatter = this.#scatter.mean(i - SCATTER_HOURS, i, LEAST_SCATTER);
    if (!found || scatter === undefined || i < LEAST_HOURS) return undefined;
    const mean = Math.max(LEAST_MEAN, found.mean * this.#levelAt(i));
    // What the mean itself is off by, from so few.
    const dispersion =
      (Math.max(1, scatter, this.#localAt(i, found.mean, scatter)) + mean * SHARE ** 2) * (1 + 1 / found.of);
    return { mean, dispersion, by: found.by };
  }

  add(i: number, value: number | null, usual: Usual | undefined): void {
    const base = this.#bases[i];
    let counted = value;
    if (value !== null && usual) {
      counted = Math.max(0, tamed(value, usual.mean, Math.sqrt(usual.mean * usual.dispersion)));
      this.#scatter.add(i, (counted - usual.mean) ** 2 / usual.mean);
    } else if (value !== null && base !== undefined) {
      const mean = Math.max(LEAST_MEAN, base);
      this.#scatter.add(i, Math.min((value - mean) ** 2 / mean, OUTBREAK ** 2 * Math.max(mean, 4)));
    } else this.#scatter.skip(i);
    this.#values[i] = counted;
    if (counted === null || base === undefined) {
      this.#level.skip(i);
      this.#base.skip(i);
    } else {
      this.#level.add(i, counted);
      this.#base.add(i, base);
    }
  }

  #reference(i: number): (Pick<Usual, 'mean' | 'by'> & { readonly of: number }) | undefined {
    const weeks = this.#pooled(i, HOURS_OF_WEEK, WEEKS, LEAST_WEEKS, () => true);
    if (weeks) return { ...weeks, by: 'hour of week' };
    const weekend = isWeekend(this.#first + i);
    const alike = this.#pooled(i, 24, DAYS, LEAST_DAYS, k => isWeekend(this.#first + k) === weekend);
    if (alike) return { ...alike, by: 'hour of day' };
    const days = this.#pooled(i, 24, DAYS, LEAST_DAYS, () => true);
    if (days) return { ...days, by: 'hour of day' };
    const recent = this.#values.slice(Math.max(0, i - 72), i).filter(v => v !== null);
    if (recent.length < 24) return undefined;
    return { mean: recent.reduce((a, b) => a + b, 0) / recent.length, of: 24, by: 'recent hours' };
  }

  /** A batch that runs at night scatters more than the day does: of this hour of earlier days, leaned on that of all hours. */
  #localAt(i: number, mean: number, scatter: number): number {
    let [sum, of] = [LOCAL_WEIGHT * scatter, LOCAL_WEIGHT];
    for (let at = i - 24; at >= Math.max(0, i - LOCAL_DAYS * 24); at -= 24) {
      const value = this.#values[at];
      if (value === undefined || value === null || isWeekend(this.#first + at) !== isWeekend(this.#first + i))
        continue;
      sum += (value - mean) ** 2 / Math.max(LEAST_MEAN, mean);
      of++;
    }
    return sum / of;
  }

  /** The mean of an hour and, by half, its neighbours, `count` periods back. */
  #pooled(
    i: number,
    period: number,
    count: number,
    least: number,
    isLike: (k: number) => boolean,
  ): { readonly mean: number; readonly of: number } | undefined {
    let [sum, weight, periods] = [0, 0, 0];
    for (let n = 1; n <= count; n++) {
      const at = i - n * period;
      if (at < 0 || !isLike(at)) continue;
      if (this.#values[at] !== null) periods++;
      for (const [off, w] of NEIGHBOURS) {
        const value = this.#values[at + off];
        if (value === undefined || value === null || at + off < 0) continue;
        sum += w * value;
        weight += w;
      }
    }
    return periods < least ? undefined : { mean: sum / weight, of: periods };
  }

  /** How the last week compared with what was its usual, halved to doubled. */
  #levelAt(i: number): number {
    const [from, to] = [i - LEVEL_LAG - LEVEL_HOURS, i - LEVEL_LAG];
    const seen = this.#level.mean(from, to, LEVEL_HOURS / 2);
    const base = this.#base.mean(from, to, LEVEL_HOURS / 2);
    if (seen === undefined || base === undefined || base <= 0) return 1;
    return Math.min(2, Math.max(0.5, seen / base));
  }
}

const NEIGHBOURS: readonly (readonly [number, number])[] = [
  [-1, 0.5],
  [0, 1],
  [1, 0.5],
];

/** Means of any stretch of a series that grows. */
class Running {
  readonly #sums = [0];
  readonly #counts = [0];

  add(i: number, value: number): void {
    this.#sums[i + 1] = this.#sums[i]! + value;
    this.#counts[i + 1] = this.#counts[i]! + 1;
  }

  skip(i: number): void {
    this.#sums[i + 1] = this.#sums[i]!;
    this.#counts[i + 1] = this.#counts[i]!;
  }

  mean(from: number, to: number, least: number): number | undefined {
    const [a, b] = [Math.max(0, from), Math.max(0, to)];
    const count = this.#counts[b]! - this.#counts[a]!;
    return count < least ? undefined : (this.#sums[b]! - this.#sums[a]!) / count;
  }
}

/** Between which counts 99% are to be expected. */
export function bandOf({ mean, dispersion }: Pick<Usual, 'mean' | 'dispersion'>): {
  readonly low: number;
  readonly high: number;
} {
  const find = (isBelow: (k: number) => boolean, to: number): number => {
    let [low, high] = [0, to];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (isBelow(middle)) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const deviation = Math.sqrt(mean * dispersion);
  return {
    low: find(k => countTails(k, mean, dispersion).lower < 0.005, Math.ceil(mean)),
    high: find(k => countTails(k, mean, dispersion).upper > 0.005, Math.ceil(mean + 12 * deviation + 12)),
  };
}
