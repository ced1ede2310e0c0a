import type { SealedSegment } from '../log/inventory.ts';
import { countOf } from '../log/ranges.ts';
import { microsOf, tsOfMicros } from '../record/time.ts';
import { dayIn } from '../record/zone.ts';
import type { Found, Looked } from './found.ts';
import type { Basis, CoverageDay, RecordCounts } from './report.ts';
import type { Stretch } from './silence.ts';
import type { Told } from './told.ts';

/** A day of a source while it is being counted. */
interface Row extends Record<keyof RecordCounts, number> {
  source: string | undefined;
  day: string;
  first: number;
  last: number;
  rejected: number;
  known: Basis;
}

/** Of segments that hold records no more, or not all: when their sources came, as far as manifests say. */
export interface Stated extends Stretch {
  readonly source: string;
}

/** The days of each source: counted from records where there are any, stated by manifests where they were deleted. */
export class Days {
  readonly #rows = new Map<string, Row>();
  readonly #zone: string;
  readonly stated: Stated[] = [];

  constructor(zone: string) {
    this.#zone = zone;
  }

  /** `now`: for holds. */
  count(told: Told, found: Found, looked: Looked, now: string): void {
    const held = new Set<number>();
    const perSource = new Map<string, number>();
    const { inventory, retention } = told;
    for (const segment of inventory.segments) if (retention.holdOn(segment, now)) held.add(segment.segment);
    for (const { segment, source, day, records, first, last } of found.days) {
      const row = this.#row(source, day, 'records');
      row.sealed += records;
      if (held.has(segment)) row.held += records;
      widen(row, first, last);
      perSource.set(`${segment} ${source}`, records + (perSource.get(`${segment} ${source}`) ?? 0));
    }
    for (const segment of inventory.segments) {
      if (!isAsked(segment, looked)) continue;
      this.#rejected(segment, looked);
      if (inventory.pruned.has(segment.segment)) this.#pruned(segment, looked);
      else if (inventory.redacted.has(segment.segment)) {
        const isWithin = lies(segment, looked);
        const left = (source: string): number => perSource.get(`${segment.segment} ${source}`) ?? 0;
        this.#redacted(segment, countOf(inventory.redacted.get(segment.segment)!), looked, isWithin, left);
      }
    }
  }

  /** In order of source and day. */
  rows(): Row[] {
    const key = ({ source, day }: Row): string => `${source ?? '\uffff'}\n${day}`;
    return [...this.#rows.values()].toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
  }

  /** A day on which a source did not come. */
  add(source: string, day: string): void {
    this.#row(source, day, 'nothing');
  }

  #row(source: string | undefined, day: string, known: Basis): Row {
    const key = `${source ?? ''}\n${day}\n${source === undefined}`;
    const old = this.#rows.get(key);
    if (old) {
      if (old.known === 'nothing') old.known = known;
      else if (known !== 'nothing' && known !== old.known) old.known = 'both';
      return old;
    }
    const counts = { sealed: 0, pruned: 0, redacted: 0, held: 0, rejected: 0 };
    const row: Row = { source, day, first: Infinity, last: -Infinity, known, ...counts };
    this.#rows.set(key, row);
    return row;
  }

  #pruned(segment: SealedSegment, looked: Looked): void {
    for (const { source, records } of segment.lines) {
      if (records === 0 || !isWhose(source, looked)) continue;
      const row = this.#statedRow(segment, source);
      row.sealed += records;
      row.pruned += records;
    }
  }

  /** `left`: records of a source that are still there, if the whole segment was looked at. */
  #redacted(
    segment: SealedSegment,
    count: number,
    looked: Looked,
    isWithin: boolean,
    left: (source: string) => number,
  ): void {
    const sources = segment.lines.filter(l => l.records > 0);
    const gone =
      sources.length === 1
        ? [{ source: sources[0]!.source, records: count }]
        : sources.map(l => ({ source: l.source, records: isWithin ? l.records - left(l.source) : 0 }));
    // Where a source was asked for, the others were not counted.
    const known = gone.filter(g => g.records > 0 && isWhose(g.source, looked));
    for (const { source, records } of known) {
      const row = this.#statedRow(segment, source);
      row.sealed += records;
      row.redacted += records;
    }
    if (sources.length > 1 && !isWithin && looked.source === undefined) {
      const row = this.#statedRow(segment, undefined);
      row.sealed += count;
      row.redacted += count;
      for (const { source } of sources) this.#stretch(segment, source);
    }
  }

  #statedRow(segment: SealedSegment, source: string | undefined): Row {
    const { from, to } = segment.span!;
    const [first, last] = [this.#dayOf(from), this.#dayOf(to)];
    const row = this.#row(source, first === last ? first : `${first}/${last}`, 'manifests');
    widen(row, microsOf(from), microsOf(to));
    if (source !== undefined) this.#stretch(segment, source);
    return row;
  }

  #stretch({ span }: SealedSegment, source: string): void {
    this.stated.push({ source, from: microsOf(span!.from), to: microsOf(span!.to), stated: true });
  }

  /** Rejected lines have no time. */
  #rejected({ lines, span, at }: SealedSegment, looked: Looked): void {
    for (const { source, rejected } of lines)
      if (rejected > 0 && isWhose(source, looked))
        this.#row(source, this.#dayOf(span?.to ?? at), 'nothing').rejected += rejected;
  }

  #dayOf(ts: string): string {
    return dayIn(this.#zone, microsOf(ts) / 1000);
  }
}

function widen(row: Row, first: number, last: number): void {
  row.first = Math.min(row.first, first);
  row.last = Math.max(row.last, last);
}

/** Without records, a segment is of when it was sealed. */
function spanOf({ span, at }: SealedSegment): { from: string; to: string } {
  return span ?? { from: at, to: at };
}

export function isAsked(segment: SealedSegment, { since, until }: Looked): boolean {
  const { from, to } = spanOf(segment);
  return (since === undefined || to >= since) && (until === undefined || from < until);
}

function lies(segment: SealedSegment, { since, until }: Looked): boolean {
  const { from, to } = spanOf(segment);
  return (since === undefined || from >= since) && (until === undefined || to < until);
}

const isWhose = (source: string, looked: Looked): boolean =>
  looked.source === undefined || looked.source === source;

export type CountedDay = Omit<CoverageDay, 'silences' | 'silentSeconds'>;

export function shownDay({ source, first, last, ...row }: Row): CountedDay {
  const [from, to] = first <= last ? [first, last].map(tsOfMicros) : [];
  return {
    ...(source !== undefined && { source }),
    ...row,
    known: row.known === 'nothing' && row.rejected > 0 ? 'manifests' : row.known,
    ...(from !== undefined && to !== undefined && { first: from, last: to }),
  };
}
