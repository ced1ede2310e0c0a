import type { Cell } from '../duck/job.ts';
import type { Asker } from '../query/inquiry.ts';
import { counted } from '../record/figures.ts';
import { microsOf } from '../record/time.ts';
import { clockIn } from '../record/zone.ts';
import { type Frame, minute, type Span } from './frame.ts';
import type { Page, PageTable, Section } from './page.ts';
import type { Part } from './parts.ts';
import { numberOf, textOf } from './rows.ts';
import { changed, dollars, percent, whole } from './say.ts';
import { inTime } from './scope.ts';

/** What regular pages have in common. */

/** `2026-05-01 to 2026-05-07 (UTC), against 2026-04-24 to 2026-04-30` */
export function subtitleOf({ since, until, zone, before }: Frame): string {
  const against = before ? `, against ${spanText(before, zone)}` : '';
  return `${spanText({ since, until }, zone)} (${zone})${against}`;
}

function spanText({ since, until }: Span, zone: string): string {
  const clock = (ts: string, back = 0): string => clockIn(zone, microsOf(ts) / 1000 - back).replace('T', ' ');
  const isDay = (ts: string): boolean => clock(ts).slice(11, 19) === '00:00:00';
  const isDays = isDay(since) && isDay(until);
  const [first, last] = isDays
    ? [clock(since).slice(0, 10), clock(until, 1).slice(0, 10)]
    : [clock(since).slice(0, 16), clock(until).slice(0, 16)];
  return first === last ? first : `${first} to ${last}`;
}

/** `2026-05-01 16:00 (Europe/Berlin)`: an hour, RFC 3339, as the clocks of the report's zone show it. */
export const hourText = (ts: string, zone: string): string =>
  `${clockIn(zone, Date.parse(ts)).slice(0, 16).replace('T', ' ')}${zone === 'UTC' ? ' UTC' : ` (${zone})`}`;

/** How the data of each page begins. */
export interface FrameData {
  readonly zone: string;
  /** Null: there are no records, and nobody named a period. */
  readonly since: string | null;
  readonly until: string | null;
  readonly before: Span | null;
  readonly bucket: Frame['bucket'];
  readonly requests_are: Frame['events'];
}

export const frameData = ({ zone, since, until, before, bucket, events, isMadeUp }: Frame): FrameData => ({
  zone,
  since: isMadeUp ? null : since,
  until: isMadeUp ? null : until,
  before: before ?? null,
  bucket,
  requests_are: events,
});

/** A page of no requests: there is nothing to compare or to list but what was looked at. */
export async function emptyPage(asker: Asker, title: string, frame: Frame, data: object): Promise<Page> {
  const where = frame.has ? 'in this time' : 'in this store';
  const others = await asker.all(`SELECT event_type AS kind, count(*) AS records FROM records
    WHERE ${frame.has ? inTime(frame) : 'true'} GROUP BY 1 ORDER BY 2 DESC, 1`);
  const counts = others.map(row => counted(numberOf(row, 'records'), `${textOf(row, 'kind')} record`));
  return {
    title,
    ...(!frame.isMadeUp && { subtitle: subtitleOf(frame) }),
    summary: [
      `There are no requests ${where}.`,
      ...(counts.length > 0
        ? [`Requests are ${frame.events} records; there are only ${counts.join(' and ')}.`]
        : []),
    ],
    sections: [],
    notes: frame.has
      ? [
          `The newest request of the store is of ${minute(frame.has.newest)}, the oldest of ${minute(frame.has.oldest)}.`,
        ]
      : frame.notes,
    data,
  };
}

/** A list of parts as people are shown it. `none`: what stands for those without a name. */
export interface PartsShown {
  readonly called: string;
  readonly none: string;
  /** All requests of the period, of which each has a share. */
  readonly all: number;
  /** Are tokens and costs known of any? */
  readonly tokens: boolean;
  readonly cost: boolean;
}

export function partsTable(frame: Frame, parts: readonly Part[], shown: PartsShown): PageTable {
  const { called, none, all, tokens, cost } = shown;
  const columns = [
    { name: called },
    { name: 'requests', numeric: true },
    { name: 'share', numeric: true, minor: true },
    ...(frame.before ? [{ name: 'change', numeric: true }] : []),
    { name: 'failed', numeric: true, minor: true },
    ...(tokens
      ? [
          { name: 'tokens in', numeric: true },
          { name: 'tokens out', numeric: true },
        ]
      : []),
    ...(cost ? [{ name: 'USD', numeric: true }] : []),
    { name: `by ${frame.bucket}` },
  ];
  const rows = parts.map((p): Cell[] => [
    p.name ?? none,
    p.requests,
    percent(p.requests, all),
    ...(frame.before ? [changed(p.requests, p.before?.requests)] : []),
    percent(p.failed, p.requests),
    ...(tokens ? [p.input_tokens, p.output_tokens] : []),
    ...(cost ? [dollars(p.cost_microusd)] : []),
    [...p.by],
  ]);
  return { columns, rows };
}

/** `Models`, and how many of them are shown. */
export const shownOf = (shown: number, all: number, one: string): string[] =>
  shown < all ? [`${whole(shown)} of ${counted(all, one)}.`] : [];

/** What changed most: parts of several kinds, by how many requests they differ. */
export function moversSection(
  frame: Frame,
  kinds: readonly { readonly kind: string; readonly none: string; readonly parts: readonly Part[] }[],
  of: 'requests' | 'failed',
  all: { readonly now: number; readonly before: number },
  limit = 10,
): Section[] {
  if (!frame.before) return [];
  const moved = kinds.flatMap(({ kind, none, parts }) =>
    parts.map(part => ({
      kind,
      name: part.name ?? none,
      now: part[of],
      before: part.before?.[of] ?? 0,
      by: part.by,
    })),
  );
  const most = moved
    // What all traffic is part of says nothing beside the totals.
    .filter(m => m.now !== m.before && !(m.now === all.now && m.before === all.before))
    .toSorted((a, b) => Math.abs(b.now - b.before) - Math.abs(a.now - a.before))
    .slice(0, limit);
  if (most.length === 0) return [];
  const columns = [
    { name: 'what' },
    { name: 'name' },
    { name: of, numeric: true },
    { name: 'before', numeric: true },
    { name: 'difference', numeric: true, minor: true },
    { name: 'change', numeric: true },
  ];
  const rows = most.map((m): Cell[] => [
    m.kind,
    m.name,
    m.now,
    m.before,
    `${m.now > m.before ? '+' : '-'}${whole(Math.abs(m.now - m.before))}`,
    changed(m.now, m.before),
  ]);
  return [{ heading: 'What changed most', table: { columns, rows } }];
}

/** A table of figures in the period, before, and how they differ. */
export function comparison(
  frame: Frame,
  figures: readonly (readonly [
    what: string,
    now: number | null,
    before: number | null,
    say?: (n: number | null) => string,
  ])[],
): PageTable {
  const rows = figures
    .filter(([, now, before]) => now !== null || before !== null)
    .map(([what, now, before, say = whole]): Cell[] => [
      what,
      say(now),
      ...(frame.before ? [say(before), now === null || before === null ? '' : changed(now, before)] : []),
    ]);
  const compared = frame.before
    ? [
        { name: 'before', numeric: true },
        { name: 'change', numeric: true },
      ]
    : [];
  return { columns: [{ name: '' }, { name: 'now', numeric: true }, ...compared], rows };
}
