import { countOf } from '../log/ranges.ts';
import { OWN_SOURCE } from '../query/own.ts';
import type { QueryOptions } from '../query/query.ts';
import { microsOf, tsOfMicros } from '../record/time.ts';
import { dayIn } from '../record/zone.ts';
import type { Store } from '../store/store.ts';
import { type CountedDay, Days, isAsked, shownDay } from './days.ts';
import { deletionsOf } from './deletions.ts';
import { findRecords, type Found, type Looked } from './found.ts';
import type { Coverage, CoverageDay, LogCoverage, RecordCounts, Silence } from './report.ts';
import { aliveIn, type Hole, holesIn, limitOf, lowerBound, parted, type Stretch } from './silence.ts';
import { readTold, type Told } from './told.ts';

export interface CoverageOptions extends Looked {
  /** Microseconds: what counts as a silence; not given: an hour, and twice what is usual for the source. */
  readonly silence?: number;
  /** As entries have times. */
  readonly now: string;
  readonly query: QueryOptions;
}

const HOUR = 3_600_000_000;
/** Of the log itself: twice the time between heartbeats, if nothing else was said to `ingest`. */
const PAUSE = 2 * HOUR;
const DAY_MS = 86_400_000;

/**
 * Were logs kept for the whole time? By source and day: what was sealed, deleted and held, and when nothing came. Records are
 * counted themselves, through query() and its checks; of those that were deleted, what their manifests say is said.
 * Throws what query() throws.
 */
export async function coverage(store: Store, options: CoverageOptions): Promise<Coverage> {
  const found = await findRecords(store, options, options.silence ?? HOUR, options.query);
  const told = readTold(store.at);
  return coverageOf(told, found, options);
}

/** The same, of what was read. */
export function coverageOf(told: Told, found: Found, options: Omit<CoverageOptions, 'query'>): Coverage {
  const { since, until, source, zone, now } = options;
  const days = new Days(zone);
  days.count(told, found, options, now);
  const times = told.times.map(microsOf);
  const dayOf = (micros: number): string => dayIn(zone, micros / 1000);
  const log = logCoverage(told, times, options);
  const isOwn = ownSources(found, options);
  const silences = silencesOf(told, found, days, { times, dayOf, limit: log.limit, isOwn }, options);
  const counted = days.rows();
  const silent = silences.map(s => s.source);
  const missed = counted.filter(r => r.source === undefined || !isOwn(r.source));
  for (const { of, day } of absentDays(missed, silent, options, dayOf)) days.add(of, day);
  const rows = days.rows().map(shownDay);
  const came = counted.filter(r => r.first <= r.last);
  const [from, to] =
    came.length === 0
      ? []
      : [
          tsOfMicros(came.reduce((least, r) => Math.min(least, r.first), Infinity)),
          tsOfMicros(came.reduce((most, r) => Math.max(most, r.last), -Infinity)),
        ];
  const asked = told.inventory.segments.filter(s => isAsked(s, options));
  return {
    form: 'slmaudit-coverage/1',
    origin: told.head.origin,
    size: told.head.size,
    root: told.head.root.toString('base64'),
    zone,
    asked: {
      ...(since !== undefined && { since }),
      ...(until !== undefined && { until }),
      ...(source !== undefined && { source }),
    },
    ...(from !== undefined && to !== undefined && { period: { from, to } }),
    records: totals(rows),
    rejected: rejectedOf(told, rows, asked),
    damaged: asked.reduce((sum, s) => sum + s.damaged, 0),
    days: withSilences(rows, silences, dayOf),
    silences,
    log: log.coverage,
    deletions: deletionsOf(told).filter(
      d =>
        (since === undefined || (d.to ?? d.at) >= since) && (until === undefined || (d.from ?? d.at) < until),
    ),
  };
}

const totals = (rows: readonly CountedDay[]): RecordCounts => {
  const sum = (name: keyof RecordCounts): number => rows.reduce((all, row) => all + row[name], 0);
  return { sealed: sum('sealed'), pruned: sum('pruned'), redacted: sum('redacted'), held: sum('held') };
};

function rejectedOf(
  { inventory }: Told,
  rows: readonly CountedDay[],
  asked: readonly { readonly segment: number; readonly rejected?: { readonly count: number } }[],
): Coverage['rejected'] {
  const numbers = new Set(asked.map(s => s.segment));
  const isGone = (n: number): boolean => inventory.pruned.has(n) || inventory.unquarantined.has(n);
  const retried = inventory.segments
    .flatMap(s => s.retried)
    .filter(r => numbers.has(r.segment))
    .reduce((sum, r) => sum + countOf(r.ranges), 0);
  const deleted = asked.reduce((sum, s) => sum + (isGone(s.segment) ? (s.rejected?.count ?? 0) : 0), 0);
  return { lines: rows.reduce((sum, r) => sum + r.rejected, 0), retried, deleted };
}

interface Clock {
  /** `at` of every entry, microseconds. */
  readonly times: readonly number[];
  readonly dayOf: (micros: number) => string;
  /** Above which a pause of the log is unusual. */
  readonly limit: number;
}

function logCoverage(
  { times: stated, inventory, clocks }: Told,
  times: readonly number[],
  { since, until, silence, now }: Omit<CoverageOptions, 'query'>,
): { coverage: LogCoverage; limit: number } {
  const points = times.map((at): Stretch => ({ from: at, to: at, stated: false }));
  // Until when it could have been written.
  const end = until === undefined ? undefined : Math.min(microsOf(until), microsOf(now));
  const holes = holesIn(points, { ...(end !== undefined && { until: end }) });
  const dayOf = (micros: number): string => dayIn('UTC', micros / 1000);
  const limit = silence ?? limitOf(holes, new Set(times.map(dayOf)), dayOf, PAUSE);
  const pauses = holes.filter(
    ({ from, to }) =>
      to - from > limit &&
      (since === undefined || to > microsOf(since)) &&
      (until === undefined || from < microsOf(until)),
  );
  return {
    limit,
    coverage: {
      from: stated[0] ?? now,
      to: stated.at(-1) ?? now,
      heartbeats: heartbeatsOf(inventory).length,
      clockRegressions: clocks.length,
      pauses: pauses.map(spanText),
    },
  };
}

const heartbeatsOf = ({ segments }: Told['inventory']): number[] =>
  segments.filter(s => s.records === 0 && !s.rejected).map(s => microsOf(s.at));

function silencesOf(
  told: Told,
  found: Found,
  days: Days,
  { times, dayOf, limit: pause, isOwn }: Clock & { readonly isOwn: (source: string) => boolean },
  options: Omit<CoverageOptions, 'query'>,
): Silence[] {
  const { since, until, silence, now } = options;
  const ends = {
    ...(since !== undefined && { since: microsOf(since) }),
    ...(until !== undefined && { until: Math.min(microsOf(until), microsOf(now)) }),
  };
  const beats = heartbeatsOf(told.inventory);
  return sourcesOf(told, found, days, options).flatMap(source => {
    if (isOwn(source)) return [];
    const counted = found.days.filter(d => d.source === source);
    const stretches = [
      ...(counted.length === 0
        ? []
        : parted(
            counted.reduce((least, d) => Math.min(least, d.first), Infinity),
            counted.reduce((most, d) => Math.max(most, d.last), -Infinity),
            found.gaps.filter(g => g.source === source),
          )),
      ...days.stated.filter(s => s.source === source),
    ];
    const holes = holesIn(stretches, ends).map(hole => within(hole, ends));
    const came = new Set([
      ...counted.map(d => d.day),
      ...stretches.flatMap(s => [dayOf(s.from), dayOf(s.to)]),
    ]);
    const limit = silence ?? limitOf(holes, came, dayOf, HOUR);
    return holes
      .filter(({ from, to }) => to - from > limit)
      .map((hole): Silence => ({
        source,
        ...spanText(hole),
        alive: aliveIn(times, hole, pause),
        heartbeats: lowerBound(beats, hole.to) - lowerBound(beats, hole.from),
        known: hole.stated ? 'manifests' : 'records',
      }));
  });
}

/**
 * Which sources are the program's own: where nobody asks it has nothing to say, so they are never silent, unless one is asked for by
 * name.
 */
function ownSources({ days }: Found, asked: Looked): (source: string) => boolean {
  const known = new Set(days.map(d => d.source));
  const others = new Set(days.filter(d => d.own < d.records).map(d => d.source));
  return source =>
    asked.source === undefined && !others.has(source) && (known.has(source) || source === OWN_SOURCE);
}

/** Of what a manifest states, a part may lie before or behind what was asked for. */
const within = (hole: Hole, { since, until }: { since?: number; until?: number }): Hole => ({
  ...hole,
  from: Math.max(hole.from, since ?? -Infinity),
  to: Math.min(hole.to, until ?? Infinity),
});

/** Those that came, and those that came before and behind what was asked for: one that is gone for good is not missed. */
function sourcesOf(told: Told, found: Found, days: Days, { since, until, source }: Looked): string[] {
  const names = new Set([...found.days.map(d => d.source), ...days.stated.map(s => s.source)]);
  if (source !== undefined) return since !== undefined && until !== undefined ? [source] : [...names];
  if (since === undefined || until === undefined) return [...names].toSorted();
  const [before, behind] = [new Set<string>(), new Set<string>()];
  for (const { span, lines } of told.inventory.segments)
    for (const l of lines) {
      if (l.records === 0 || !span) continue;
      if (span.from < since) before.add(l.source);
      if (span.to >= until) behind.add(l.source);
    }
  for (const name of before) if (behind.has(name)) names.add(name);
  return [...names].toSorted();
}

function spanText({ from, to }: Pick<Hole, 'from' | 'to'>): { from: string; to: string; seconds: number } {
  return { from: tsOfMicros(from) ?? '', to: tsOfMicros(to) ?? '', seconds: Math.floor((to - from) / 1e6) };
}

function withSilences(
  rows: readonly CountedDay[],
  silences: readonly Silence[],
  dayOf: (micros: number) => string,
): CoverageDay[] {
  const touched = new Map<string, { count: number; longest: number }>();
  for (const { source, from, to, seconds } of silences)
    for (const day of daysBetween(dayOf(microsOf(from)), dayOf(microsOf(to)))) {
      const known = touched.get(`${source}\n${day}`) ?? { count: 0, longest: 0 };
      touched.set(`${source}\n${day}`, {
        count: known.count + 1,
        longest: Math.max(known.longest, seconds),
      });
    }
  return rows.map(row => {
    const { count, longest } = touched.get(`${row.source ?? ''}\n${row.day}`) ?? { count: 0, longest: 0 };
    return { ...row, silences: count, silentSeconds: longest };
  });
}

/** Days between the first and the last of a source, or of what was asked for, that have no row. */
function* absentDays(
  rows: readonly { readonly source: string | undefined; readonly day: string; readonly sealed: number }[],
  silent: readonly string[],
  { since, until, now }: Pick<CoverageOptions, 'since' | 'until' | 'now'>,
  dayOf: (micros: number) => string,
): Generator<{ of: string; day: string }> {
  const bySource = new Map<string, string[]>(silent.map(source => [source, []]));
  for (const { source, day, sealed } of rows) {
    // A day of rejected lines alone may be years from what came.
    if (source === undefined || sealed === 0) continue;
    const known = bySource.get(source) ?? [];
    known.push(...daysBetween(day.slice(0, 10), day.slice(-10)));
    bySource.set(source, known);
  }
  const begin = since === undefined ? undefined : dayOf(microsOf(since));
  const end = until === undefined || until > now ? undefined : dayOf(microsOf(until) - 1);
  for (const [of, days] of bySource) {
    const there = new Set(days);
    const sorted = [...there].toSorted();
    const [first, last] = [begin ?? sorted[0], end ?? sorted.at(-1)];
    if (first === undefined || last === undefined) continue;
    for (const day of daysBetween(first, last)) if (!there.has(day)) yield { of, day };
  }
}

function* daysBetween(first: string, last: string): Generator<string> {
  for (let ms = Date.parse(first); ; ms += DAY_MS) {
    const day = new Date(ms).toISOString().slice(0, 10);
    if (day > last) return;
    yield day;
  }
}
