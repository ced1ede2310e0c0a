import { malformed, parseCount } from './line.ts';

/** Whole numbers as `1-3,7`: growing, and written in one way only. */
const RANGES = /^(?:0|[1-9]\d{0,14})(?:-[1-9]\d{0,14})?(?:,[1-9]\d{0,14}(?:-[1-9]\d{0,14})?)*$/;

export type Range = readonly [from: number, to: number];

export function rangesOf(numbers: Iterable<number>): Range[] {
  const ranges: [number, number][] = [];
  for (const n of [...numbers].toSorted((a, b) => a - b)) {
    const last = ranges.at(-1);
    if (last && n <= last[1] + 1) last[1] = n;
    else ranges.push([n, n]);
  }
  return ranges;
}

export const formatRanges = (ranges: readonly Range[]): string =>
  ranges.map(([from, to]) => (from === to ? String(from) : `${from}-${to}`)).join(',');

/** `least`: the smallest number there can be. Throws ENTRY_MALFORMED for what formatRanges would not have written. */
export function parseRanges(text: string, least: 0 | 1 = 1): Range[] {
  if (!RANGES.test(text)) throw malformed('ranges are not of their form');
  const ranges = text.split(',').map((part): Range => {
    const [from, to] = part.split('-');
    return [parseCount(from!, 'ranges'), parseCount(to ?? from!, 'ranges')];
  });
  for (const [i, [from, to]] of ranges.entries()) {
    const before = ranges[i - 1]?.[1] ?? least - 2;
    const single = !text.split(',')[i]!.includes('-');
    if (from <= before + 1 || (single ? from !== to : from >= to)) throw malformed('ranges out of order');
  }
  return ranges;
}

export function isRanges(text: string): boolean {
  try {
    return parseRanges(text).length > 0;
  } catch {
    return false;
  }
}

/** At most a million lines are in one quarantine file. */
export function* numbersOf(ranges: readonly Range[]): Generator<number> {
  for (const [from, to] of ranges) for (let n = from; n <= to; n++) yield n;
}

export const countOf = (ranges: readonly Range[]): number =>
  ranges.reduce((sum, [from, to]) => sum + to - from + 1, 0);
