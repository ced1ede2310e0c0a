/** Hours of a week, counted from Monday, 0 UTC; a step is an hour since 1970, which began on a Thursday. */
export const HOURS_OF_WEEK = 168;

export const hourOfWeek = (step: number): number =>
  (((step + 72) % HOURS_OF_WEEK) + HOURS_OF_WEEK) % HOURS_OF_WEEK;
export const hourOfDay = (step: number): number => ((step % 24) + 24) % 24;
export const isWeekend = (step: number): boolean => hourOfWeek(step) >= 120;

/**
 * How likely an hour is one at which someone is active: `at` of `of` past days, smoothed by `weight` days on which they did as
 * others do (`others`: the share of these). The mean of a Dirichlet distribution's posterior: never 0, and for
 * someone without a past what is usual for all.
 */
export function activeShare(at: number, of: number, others: number, weight: number): number {
  return Math.min(1, (at + weight * others) / (of + weight));
}
