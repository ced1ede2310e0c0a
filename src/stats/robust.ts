/** Place and scale of values some of which may be wild. */

/** The value below which that share of a sorted list lies, interpolated (type 7, as R and DuckDB's quantile_cont). */
export function quantileOf(sorted: readonly number[], share: number): number {
  if (sorted.length === 0) return NaN;
  const at = (sorted.length - 1) * share;
  const low = sorted[Math.floor(at)]!;
  return low + (sorted[Math.ceil(at)]! - low) * (at - Math.floor(at));
}

export function medianOf(values: readonly number[]): number {
  return quantileOf(
    values.toSorted((a, b) => a - b),
    0.5,
  );
}

/** Of a normal variable, the standard deviation over the median distance from the median. */
const NORMAL_MAD = 1.482602218505602;

/** Median, and the median distance from it made comparable with a standard deviation. */
export function placeAndScale(values: readonly number[]): { readonly place: number; readonly scale: number } {
  const place = medianOf(values);
  return { place, scale: NORMAL_MAD * medianOf(values.map(v => Math.abs(v - place))) };
}

/** Beyond so many standard deviations a past value is an outbreak, and weighs less (Noufaily et al. 2013). */
export const OUTBREAK = 2.58;

/** A past value as it counts for what is usual: no further off than an outbreak begins. */
export function tamed(value: number, mean: number, deviation: number): number {
  return Math.min(mean + OUTBREAK * deviation, Math.max(mean - OUTBREAK * deviation, value));
}
