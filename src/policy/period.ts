/**
 * `184d`, `26w`, `6mo`, `2y` in days. Months and years have no one length: what must be kept is kept for the longest that so many in a
 * row can be (6mo: 184, 1y: 366, 6y: 2,192), what must go goes after the shortest (181, 365, 2,190). Undefined for what is no period.
 */
export function readPeriod(text: string, reading: 'longest' | 'shortest'): number | undefined {
  const [, digits, unit] = /^(\d{1,5}) ?(d|w|mo|y)$/.exec(text) ?? [];
  if (unit === undefined) return undefined;
  const n = Number(digits);
  if (unit === 'd') return n;
  if (unit === 'w') return 7 * n;
  const months = unit === 'y' ? 12 * n : n;
  // Beyond, MOST_DAYS is passed whatever the reading.
  if (months > 1300) return 31 * months;
  const lengths = Array.from({ length: CYCLE }, (_, from) => daysOf(from, months));
  return reading === 'longest' ? Math.max(...lengths) : Math.min(...lengths);
}

/** Months until the calendar repeats itself. */
const CYCLE = 4800;

const daysOf = (from: number, months: number): number =>
  (Date.UTC(2000, from + months, 1) - Date.UTC(2000, from, 1)) / 86_400_000;
