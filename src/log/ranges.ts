import { type EntryLine, malformed, parseCount } from './line.ts';

/** Whole numbers as `1-3,7`: growing, and written in one way only. */
const RANGES = /^(?:0|[1-9]\d{0,14})(?:-[1-9]\d{0,14})?(?:,[1-9]\d{0,14}(?:-[1-9]\d{0,14})?)*$/;

export type Range = readonly [from: number, to: number];

/** Numbers in any order, each as often as it may come. */
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

/** Each number in them. Of ranges from a log that may be forged, take no more than there can be: they may be of any length. */
export function* numbersOf(ranges: readonly Range[]): Generator<number> {
  for (const [from, to] of ranges) for (let n = from; n <= to; n++) yield n;
}

/** Lines of a quarantine, which has a gibibyte: what says that there are more is forged. */
export const MOST_REJECTED: number = 1 << 23;

export const countOf = (ranges: readonly Range[]): number =>
  ranges.reduce((sum, [from, to]) => sum + to - from + 1, 0);

/** At most so many ranges, joined across the narrowest gaps: more is held then, never less. */
export function coarser(ranges: readonly Range[], most: number): readonly Range[] {
  if (ranges.length <= most) return ranges;
  const gaps = ranges.slice(1).map(([from], i) => ({ before: i + 1, width: from - ranges[i]![1] }));
  const kept = new Set(
    gaps
      .toSorted((a, b) => b.width - a.width)
      .slice(0, most - 1)
      .map(g => g.before),
  );
  const joined: [number, number][] = [];
  for (const [i, [from, to]] of ranges.entries()) {
    if (i === 0 || kept.has(i)) joined.push([from, to]);
    else joined.at(-1)![1] = to;
  }
  return joined;
}

/** Characters of ranges on one line, of the 8,192 bytes that it may have. */
const MOST_CHARS = 4000;

/** Ranges on as many lines as they need, each behind the same values. */
export function rangeLines(key: string, before: readonly string[], ranges: readonly Range[]): EntryLine[] {
  const lines: EntryLine[] = [];
  let some: Range[] = [];
  const flush = (): void => {
    if (some.length > 0) lines.push({ key, values: [...before, formatRanges(some)] });
    some = [];
  };
  for (const range of ranges) {
    if (formatRanges(some).length > MOST_CHARS) flush();
    some.push(range);
  }
  flush();
  return lines;
}

/** Ranges of consecutive lines as one list; where it was parted says nothing. Throws ENTRY_MALFORMED where they don't grow. */
export function joinRanges(parts: readonly (readonly Range[])[]): Range[] {
  const all = parts.flat();
  for (const [i, [from]] of all.entries())
    if (i > 0 && from <= all[i - 1]![1] + 1) throw malformed('ranges out of order');
  return all;
}
