import type { Entry } from './entry.ts';
import { type EntryLine, malformed, parseInstant } from './line.ts';
import { joinRanges, parseRanges, type Range, rangeLines } from './ranges.ts';
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

const HOLD_ID: RegExp = /^[0-9a-f]{8}$/;
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

/** Ranges that a hold names at most: 16 characters each are 56,000 of the 65,535 bytes of an entry. */
export const MOST_RANGES = 3500;
