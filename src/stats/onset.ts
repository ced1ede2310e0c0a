/**
 * Since when values lie higher: the place behind the lowest point of the running sum of what each is above `usual` and half
 * of the rise (CUSUM). Values are standardized or not, in order of time; the last ones are those that stand out. Returns the
 * index of the first value of the higher run, 0 at least.
 */
export function onsetOf(values: readonly number[], usual: number, risen: number): number {
  const middle = (usual + risen) / 2;
  let sum = 0;
  let lowest = 0;
  let at = 0;
  for (const [i, value] of values.entries()) {
    sum += risen >= usual ? value - middle : middle - value;
    if (sum <= lowest) [lowest, at] = [sum, i + 1];
  }
  return Math.min(at, Math.max(0, values.length - 1));
}
