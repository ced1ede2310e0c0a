import type { Plot, Point } from '../../../report/page.ts';
import { number } from './cells.ts';

/** Where things of a plot stand, and what stands at its axes. */
export interface Scale {
  /** The end of the axis: a round number, not far above what is there. */
  readonly top: number;
  /** Where a time lies between the left (0) and the right (1). */
  readonly place: (at: string) => number;
  /** Width of one point's column, of 1. */
  readonly step: number;
}

export function scaleOf({ points, expected = [] }: Plot): Scale {
  const most = Math.max(0, ...values(points), ...expected.map(e => e.high));
  const times = points.map(p => Date.parse(p.at));
  const first = times[0] ?? 0;
  const apart = times.length > 1 ? (times.at(-1)! - first) / (times.length - 1) : 86_400_000;
  const step = 1 / Math.max(1, points.length);
  const place = (at: string): number => Math.min(1, Math.max(0, ((Date.parse(at) - first) / apart) * step));
  return { top: niceTop(most), place, step };
}

const values = (points: readonly Point[]): number[] =>
  points.flatMap(p => (p.value === null || !Number.isFinite(p.value) ? [] : [p.value]));

function niceTop(most: number): number {
  if (!(most > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(most));
  return ([1, 1.2, 1.6, 2, 3, 4, 5, 6, 8, 10].find(n => n * power >= most * 0.999) ?? 10) * power;
}

/** `05-01`, or `05-01 14:00` where points are less than a day apart; as the point's own clock has it. */
export function timeText(at: string, points: readonly Point[]): string {
  const [first, second] = points;
  const isHours = first && second && Date.parse(second.at) - Date.parse(first.at) < 80_000_000;
  return isHours ? `${at.slice(5, 10)} ${at.slice(11, 16)}` : at.slice(5, 10);
}

/** `6M`, `1.5k`: a number at an axis. */
export function axisText(n: number): string {
  const [unit, size] = (
    [
      ['G', 1e9],
      ['M', 1e6],
      ['k', 1e4],
    ] as const
  ).find(([, least]) => n >= least) ?? ['', 1];
  const per = unit === 'k' ? 1e3 : size;
  return `${Number((n / per).toPrecision(3))}${unit}`;
}

/** `29 to 115 requests, 07-23 to 07-29`: what a plot shows, in words; undefined where nothing is known. */
export function rangeText({ points, unit }: Plot): string | undefined {
  const known = values(points);
  if (known.length === 0) return undefined;
  const [least, most] = [Math.min(...known), Math.max(...known)].map(n =>
    number(Math.abs(n) < 100 ? Number(n.toPrecision(3)) : Math.round(n)),
  );
  const range = least === most ? least : `${least} to ${most}`;
  const ends =
    points.length > 1 ? `, ${timeText(points[0]!.at, points)} to ${timeText(points.at(-1)!.at, points)}` : '';
  return `${range}${unit === '%' ? '' : ' '}${unit}${ends}`;
}

/** As many numbers as there is room for: where several share a place, the largest. */
export function folded(numbers: readonly (number | null)[], room: number): (number | null)[] {
  // One number is no list that is drawn.
  if (numbers.length === 1) return [...numbers, null];
  const each = Math.ceil(numbers.length / room);
  const places = Array.from({ length: Math.ceil(numbers.length / each) }, (_, i) =>
    numbers.slice(i * each, (i + 1) * each),
  );
  return places.map(some => {
    const known = some.filter(n => n !== null);
    return known.length === 0 ? null : Math.max(...known);
  });
}
