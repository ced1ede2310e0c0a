/**
 * Which of many tests say something, when a share of at most `level` of what is said may be false.
 *
 * Benjamini and Yekutieli (2001): the k-th smallest of m values counts if it is at most k level / (m H), H = 1 + 1/2 + ... + 1/m,
 * and so do all smaller ones. It holds whatever the tests have to do with one another; Benjamini and Hochberg (1995), without
 * H, needs them to be independent or positively dependent. Hours next to each other share their baseline, a share of
 * failures falls where another rises, and users are parts of the whole: nothing of that is known to be positive. H costs a factor of 7 at
 * 1,000 tests and 17 at 10 million, which is little where a finding's value is far smaller.
 */

/**
 * The largest value that still counts; 0 where none does. `values`: the small ones, at most `tested` of them; those left out
 * are larger than any that could count.
 */
export function cutoff(values: readonly number[], tested: number, level: number): number {
  const bar = level / (tested * harmonic(tested));
  const sorted = values.toSorted((a, b) => a - b);
  for (let k = sorted.length; k > 0; k--) if (sorted[k - 1]! <= k * bar) return sorted[k - 1]!;
  return 0;
}

const EULER = 0.5772156649015329;

/** 1 + 1/2 + ... + 1/n. */
export function harmonic(n: number): number {
  if (n > 1000) return Math.log(n) + EULER + 1 / (2 * n) - 1 / (12 * n * n);
  let sum = 0;
  for (let k = Math.floor(n); k > 0; k--) sum += 1 / k;
  return Math.max(1, sum);
}
