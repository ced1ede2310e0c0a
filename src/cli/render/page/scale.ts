import type { Plot, Point } from '../../../report/page.ts';

/** Where things of a plot stand, and what stands at its axes. */
export interface Scale {
  /** The end of the axis: 1, 2, 2.5 or 5 times a power of ten. */
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

export const values = (points: readonly Point[]): number[] =>
  points.flatMap(p => (p.value === null || !Number.isFinite(p.value) ? [] : [p.value]));

function niceTop(most: number): number {
  if (!(most > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(most));
  return ([1, 2, 2.5, 5, 10].find(n => n * power >= most * 0.999) ?? 10) * power;
}

/** `05-01`, or `05-01 14:00` where points are less than a day apart; as the point's own clock has it. */
export function timeText(at: string, points: readonly Point[]): string {
  const [first, second] = points;
  const isHours = first && second && Date.parse(second.at) - Date.parse(first.at) < 80_000_000;
  return isHours ? `${at.slice(5, 10)} ${at.slice(11, 16)}` : at.slice(5, 10);
}
