import { logBeta, logGamma, lowerBeta, lowerGamma, upperGamma } from './gamma.ts';

/**
 * How unlikely a value is under what is usual. Counts are judged by mid-p: of what was seen exactly, half the probability
 * counts. So the values of small counts are even between 0 and 1 on average, where plain tails are too large.
 */
export interface Tails {
  /** Of so much or more. */
  readonly upper: number;
  /** Of so much or less. */
  readonly lower: number;
}

/**
 * Of a count whose variance is `dispersion` times its mean: Poisson at 1 and below, else negative binomial with that mean and
 * variance (the quasi-Poisson form: sums of bursts keep their dispersion however many bursts there are).
 */
export function countTails(seen: number, mean: number, dispersion: number): Tails {
  const n = Math.max(0, Math.round(seen));
  if (!(mean > 0)) return n > 0 ? { upper: 0, lower: 1 } : { upper: 0.5, lower: 0.5 };
  if (dispersion < 1 + 1e-6) {
    const half = Math.exp(n * Math.log(mean) - mean - logGamma(n + 1)) / 2;
    return { upper: lowerGamma(n + 1, mean) + half, lower: (n === 0 ? 0 : upperGamma(n, mean)) + half };
  }
  const size = mean / (dispersion - 1);
  const one = 1 / dispersion;
  const log = logGamma(n + size) - logGamma(size) - logGamma(n + 1);
  const half = Math.exp(log + size * Math.log(one) + n * Math.log1p(-one)) / 2;
  return {
    upper: lowerBeta(1 - one, n + 1, size) + half,
    lower: (n === 0 ? 0 : lowerBeta(one, size, n)) + half,
  };
}

/**
 * Of so many of `n` where a share of them is usual, and shares differ from time to time: beta-binomial, `spread` the
 * correlation of two of the same time (0: binomial; variance n p (1-p) (1 + (n-1) spread)).
 */
export function shareTails(seen: number, n: number, share: number, spread: number): Tails {
  if (n <= 0) return { upper: 0.5, lower: 0.5 };
  const p = Math.min(1 - 1e-9, Math.max(1e-9, share));
  const of = spread < 1e-9 ? binomial(n, p) : betaBinomial(n, p, 1 / spread - 1);
  const half = Math.exp(of(seen)) / 2;
  return { upper: half + summed(seen + 1, n, 1, of), lower: half + summed(seen - 1, 0, -1, of) };
}

function binomial(n: number, p: number): (k: number) => number {
  const whole = logGamma(n + 1);
  return k => whole - logGamma(k + 1) - logGamma(n - k + 1) + k * Math.log(p) + (n - k) * Math.log1p(-p);
}

function betaBinomial(n: number, p: number, weight: number): (k: number) => number {
  const [a, b] = [p * weight, (1 - p) * weight];
  const whole = logGamma(n + 1) - logBeta(a, b);
  return k => whole - logGamma(k + 1) - logGamma(n - k + 1) + logBeta(k + a, n - k + b);
}

/** Probabilities from one count to another, outwards; until no more can change the sum. */
function summed(from: number, to: number, step: 1 | -1, of: (k: number) => number): number {
  let sum = 0;
  let before = -Infinity;
  for (let k = from; step * k <= step * to; k += step) {
    const log = of(k);
    sum += Math.exp(log);
    if (log < before && log < Math.log(sum) - 40) break;
    before = log;
  }
  return Math.min(1, sum);
}

/** Of a sum of amounts with that mean and variance, such as tokens: gamma, whose tail falls as that of a count of bursts does. */
export function amountTails(seen: number, mean: number, variance: number): Tails {
  if (!(mean > 0) || !(variance > 0)) return seen > mean ? { upper: 0, lower: 1 } : { upper: 1, lower: 0 };
  const [shape, at] = [(mean * mean) / variance, (Math.max(0, seen) * mean) / variance];
  return { upper: upperGamma(shape, at), lower: lowerGamma(shape, at) };
}

/** Of a standardized value whose scale was estimated from `degrees` + 1 others: Student's t. */
export function robustTails(z: number, degrees: number): Tails {
  const half = lowerBeta(degrees / (degrees + z * z), degrees / 2, 0.5) / 2;
  return z >= 0 ? { upper: half, lower: 1 - half } : { upper: 1 - half, lower: half };
}
