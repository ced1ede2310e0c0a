/** Times are microseconds since 1970. */

/** From when to when something was there. `stated`: as a manifest says it of records that are no more. */
export interface Stretch {
  readonly from: number;
  readonly to: number;
  readonly stated: boolean;
}

export interface Hole {
  readonly from: number;
  readonly to: number;
  /** Does it end or begin where only a manifest says so? */
  readonly stated: boolean;
}

/** Where nothing was, between stretches and at the ends of what was asked for. */
export function holesIn(stretches: readonly Stretch[], ends: { since?: number; until?: number }): Hole[] {
  const holes: Hole[] = [];
  let before: Stretch | undefined =
    ends.since === undefined ? undefined : { from: ends.since, to: ends.since, stated: false };
  const add = (to: number, stated: boolean): void => {
    if (before && to > before.to) holes.push({ from: before.to, to, stated: before.stated || stated });
  };
  for (const stretch of stretches.toSorted((a, b) => a.from - b.from)) {
    add(stretch.from, stretch.stated);
    if (!before || stretch.to > before.to) before = stretch;
  }
  if (ends.until !== undefined) add(ends.until, false);
  return holes;
}

/** One that was there but for its gaps, as stretches. */
export function parted(
  from: number,
  to: number,
  gaps: readonly { readonly from: number; readonly to: number }[],
): Stretch[] {
  const parts: Stretch[] = [];
  let begin = from;
  for (const gap of gaps.toSorted((a, b) => a.from - b.from)) {
    parts.push({ from: begin, to: gap.from, stated: false });
    begin = gap.to;
  }
  return [...parts, { from: begin, to, stated: false }];
}

/** A week of days shows a rhythm; fewer may be anything. */
const DAYS_OF_RHYTHM = 7;
/** So many times the usual. */
const UNUSUAL = 2;

/**
 * Above which length a hole is a silence: `floor`, or twice what a source's longest hole of a day usually is (the median over
 * the days on which it came), so that a source that rests every night is silent only when it rests longer.
 */
export function limitOf(
  holes: readonly Hole[],
  days: ReadonlySet<string>,
  dayOf: (micros: number) => string,
  floor: number,
): number {
  if (days.size < DAYS_OF_RHYTHM) return floor;
  const longest = new Map<string, number>([...days].map(day => [day, 0]));
  for (const { from, to } of holes) {
    const day = dayOf(to);
    const known = longest.get(day);
    if (known !== undefined) longest.set(day, Math.max(known, to - from));
  }
  const sorted = [...longest.values()].toSorted((a, b) => a - b);
  return Math.max(floor, UNUSUAL * sorted[Math.floor(sorted.length / 2)]!);
}

/** Was the log written meanwhile? `times`, in order; `limit`: the longest pause that is usual. */
export function aliveIn(
  times: readonly number[],
  { from, to }: Pick<Hole, 'from' | 'to'>,
  limit: number,
): 'yes' | 'partly' | 'no' {
  const first = lowerBound(times, from);
  const inside = times.slice(first, lowerBound(times, to));
  if (inside.length === 0) return 'no';
  const isUsual = [from, ...inside].every((t, i) => (inside[i] ?? to) - t <= limit);
  return isUsual ? 'yes' : 'partly';
}

/** How many of `times` are before `at`. */
export function lowerBound(times: readonly number[], at: number): number {
  let [low, high] = [0, times.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle]! < at) low = middle + 1;
    else high = middle;
  }
  return low;
}
