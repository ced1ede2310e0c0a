import type { Entry } from './entry.ts';
import { type EntryLine, malformed, parseInstant } from './line.ts';
import { formatRanges, parseRanges, type Range } from './ranges.ts';
import { LineReader, matched } from './reader.ts';

/**
 * What must not be deleted whatever the policy says (`slmaudit/hold/v1`). Its own lines, in this order:
 *
 *     hold <8 hex digits>
 *     reason <code>
 *     by <who>                          a code, or an HMAC under the record key
 *     segments <ranges>                 these segments; again, where a line is full
 *     span <since>|open <until>|open    every segment, of later too, with a record in that span
 *
 * At least one of `segments` and `span`. `until` is excluded. Who or what it was asked for stands nowhere: a hold on
 * a user is resolved to segments when it is written.
 */
export interface Hold {
  readonly id: string;
  readonly reason: string;
  readonly by: string;
  readonly segments: readonly Range[];
  readonly span?: { readonly since?: string; readonly until?: string };
}

/** Ends a hold (`slmaudit/release/v1`), once the grace of the policy then in force is over: `hold`, `reason`, `by`. */
export type Release = Pick<Hold, 'id' | 'reason' | 'by'>;

export const HOLD_ID: RegExp = /^[0-9a-f]{8}$/;
/** What reasons and roles look like: entries are never pruned, so nothing about a person stands in them. */
export const CODE: RegExp = /^[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}$/;
const BY = /^(?:hmac:[0-9a-f]{32}|[A-Za-z0-9][A-Za-z0-9._:/-]{0,63})$/;

export function holdLines({ id, reason, by, segments, span }: Hold): EntryLine[] {
  return [
    ...aboutLines({ id, reason, by }),
    ...rangeLines('segments', [], segments),
    ...(span ? [{ key: 'span', values: [span.since ?? 'open', span.until ?? 'open'] }] : []),
  ];
}

export const releaseLines = (release: Release): EntryLine[] => aboutLines(release);

function aboutLines({ id, reason, by }: Release): EntryLine[] {
  return [
    { key: 'hold', values: [id] },
    { key: 'reason', values: [reason] },
    { key: 'by', values: [by] },
  ];
}

/** Throws ENTRY_MALFORMED, WRITTEN_BY_NEWER. */
export function parseHold(entry: Entry): Hold {
  const read = new LineReader(entry, 'hold', ['hold', 'reason', 'by', 'segments', 'span']);
  const about = parseAbout(read);
  const segments = joinRanges([...read.many('segments', 1)].map(([ranges]) => parseRanges(ranges!, 0)));
  const spans = read.optional('span', 2);
  read.end();
  if (segments.length === 0 && !spans) throw malformed('a hold on nothing');
  const [since, until] = (spans ?? []).map(t => (t === 'open' ? undefined : parseInstant(t, 'span')));
  if (since !== undefined && until !== undefined && since >= until) throw malformed('a span of nothing');
  return {
    ...about,
    segments,
    ...(spans && { span: { ...(since !== undefined && { since }), ...(until !== undefined && { until }) } }),
  };
}

/** Throws ENTRY_MALFORMED, WRITTEN_BY_NEWER. */
export function parseRelease(entry: Entry): Release {
  const read = new LineReader(entry, 'release', ['hold', 'reason', 'by']);
  const about = parseAbout(read);
  read.end();
  return about;
}

function parseAbout(read: LineReader): Release {
  return {
    id: matched(read.need('hold', 1)[0]!, HOLD_ID, 'the id of a hold'),
    reason: matched(read.need('reason', 1)[0]!, CODE, 'a reason'),
    by: matched(read.need('by', 1)[0]!, BY, 'who'),
  };
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

/** Ranges that a hold names at most: 16 characters each are 56,000 of the 65,535 bytes of an entry. */
export const MOST_RANGES = 3500;

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
