/**
 * How unusual each value of a plain series is, from the values before it alone; for series of which nothing is known but that
 * they are numbers, evenly apart in time.
 */
export interface PointOptions {
  /** Values after one that was told in which only more unusual ones are: an episode is one finding, not hundreds. */
  readonly quiet?: number;
}

/**
 * Means of so many values are compared with so many before them: a shift, a drift. One value alone is judged by whether it
 * lies outside of all before: on 24 series of the Numenta benchmark, comparing it with the last 500 cost 3 points of 59.
 */
const SCALES: readonly (readonly [number, number])[] = [
  [8, 500],
  [32, 1000],
];
const LEAST = 50;
const QUIET = 100;
/** A deviation so many times the usual is as unusual as anything. */
const FAR = 20;

/**
 * A score from 0 (as usual) to 1 for each value: the larger of how far means over several lengths lie from those before, in
 * standard deviations, and how far the value lies outside of all that was seen before, in ranges. `values`: finite numbers.
 * Takes time in proportion to their number.
 */
export function scorePoints(values: readonly number[], { quiet = QUIET }: PointOptions = {}): number[] {
  const sums = new Sums(values);
  let [low, high] = [Infinity, -Infinity];
  const told: { readonly at: number; readonly score: number }[] = [];
  return values.map((value, i) => {
    const outside = i < LEAST || high <= low ? 0 : Math.max(value - high, low - value, 0) / (high - low);
    low = Math.min(low, value);
    high = Math.max(high, value);
    const far = Math.max(...SCALES.map(([short, long]) => sums.apart(i, short, long)));
    const score = Math.max(Math.min(1, far / FAR), outside > 0 ? 1 - 0.3 * Math.exp(-10 * outside) : 0);
    while (told.length > 0 && i - told[0]!.at > quiet) told.shift();
    const isMore = told.every(t => score > t.score * 1.05);
    if (!isMore) return 0;
    if (score >= 0.3) told.push({ at: i, score });
    return score;
  });
}

class Sums {
  readonly #first = [0];
  readonly #second = [0];

  constructor(values: readonly number[]) {
    // Around the first value, so that sums of squares keep their digits.
    const zero = values[0] ?? 0;
    for (const [i, value] of values.entries()) {
      this.#first.push(this.#first[i]! + (value - zero));
      this.#second.push(this.#second[i]! + (value - zero) ** 2);
    }
  }

  /** Mean and variance of values `from` to `to`, excluded. */
  #of(from: number, to: number): readonly [number, number] {
    const n = to - from;
    const mean = (this.#first[to]! - this.#first[from]!) / n;
    return [mean, Math.max(0, (this.#second[to]! - this.#second[from]!) / n - mean * mean)];
  }

  /** By how many standard deviations the mean of the last `short` values differs from those of the `long` before. */
  apart(i: number, short: number, long: number): number {
    const end = i + 1 - short;
    const from = Math.max(0, end - long);
    if (end - from < LEAST) return 0;
    const [mean, variance] = this.#of(from, end);
    const [now] = this.#of(end, i + 1);
    if (variance <= 0) return now === mean ? 0 : FAR;
    // Values next to each other are alike: a mean of several is no better known than one of a few.
    return Math.abs(now - mean) / Math.sqrt(variance / Math.sqrt(short));
  }
}
