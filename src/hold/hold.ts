import { randomBytes } from 'node:crypto';
import { AuditError } from '../errors.ts';
import { createMac } from '../keys/hash.ts';
import { type Hold, holdLines, MOST_RANGES, type Release, releaseLines } from '../log/hold.ts';
import { coarser, countOf, formatRanges, type Range, rangesOf } from '../log/ranges.ts';
import { covers, type StatedHold } from '../log/retention.ts';
import { spanOver } from '../log/span.ts';
import { type AppendOptions, appendEvent } from '../seal/append.ts';
import { type History, readHistory } from '../store/history.ts';
import { readRecordKey } from '../store/keys.ts';
import { localPin, type Store } from '../store/store.ts';

/** What is asked to be held: segments by their numbers, what a search has found, or a span and all that will be of it. */
export type Wanted =
  | { readonly kind: 'segments' | 'found'; readonly ranges: readonly Range[] }
  | { readonly kind: 'span'; readonly span: NonNullable<Hold['span']> };

export interface Added {
  readonly entry: number;
  readonly hold: Hold;
  /** What it covers now. */
  readonly covered: Covered;
  /** Segments that are held beside those that were found, because an entry can't name so many ranges. */
  readonly besides: number;
}

export interface Covered {
  readonly segments: readonly number[];
  readonly records: number;
  readonly span?: { readonly from: string; readonly to: string };
}

/** Puts a hold into the log; from then on nothing it covers may be deleted. Throws NO_SUCH_SEGMENT, NOTHING_TO_HOLD, LOCKED. */
export async function addHold(
  store: Store,
  about: Pick<Hold, 'reason' | 'by'>,
  wanted: Wanted,
  options: AppendOptions,
): Promise<Added> {
  let added: Omit<Added, 'entry'> | undefined;
  const entry = await appendEvent(store, options, () => {
    const history = readHistory(store.at, localPin(store));
    const ids = new Set(history.retention.holds.map(h => h.id));
    let id = '';
    do id = randomBytes(4).toString('hex');
    while (ids.has(id));
    const present = wanted.kind === 'span' ? [] : presentIn(history, wanted);
    const segments = coarser(present, MOST_RANGES);
    const hold: Hold = { id, ...about, segments, ...(wanted.kind === 'span' && { span: wanted.span }) };
    added = { hold, covered: coveredBy(history, hold), besides: countOf(segments) - countOf(present) };
    return { kind: 'hold', lines: holdLines(hold) };
  });
  return { entry: entry!, ...added! };
}

/** What was deleted since a search is left out; segments that were named must be there. */
function presentIn({ inventory }: History, { kind, ranges }: Exclude<Wanted, { kind: 'span' }>): Range[] {
  const present = rangesOf(inventory.present(ranges));
  if (kind === 'segments' && countOf(present) < countOf(ranges)) {
    const last = inventory.segments.at(-1)?.segment;
    throw new AuditError('NO_SUCH_SEGMENT', `not all segments of ${formatRanges(ranges)} are there`, {
      hint:
        last === undefined
          ? 'nothing is sealed yet; a hold on a span covers what comes'
          : `there are ${formatRanges(rangesOf(inventory.present([[0, last]])))}; a hold on a span covers what comes`,
    });
  }
  if (present.length > 0) return present;
  throw new AuditError('NOTHING_TO_HOLD', 'no sealed record is what was asked for: nothing was written', {
    hint: 'a hold on a span (--since) covers what comes, too',
  });
}

export interface Released {
  readonly entry: number;
  /** Until when the hold binds still. */
  readonly until: string;
}

/** Ends a hold, once the grace is over. Throws NO_SUCH_HOLD, HOLD_RELEASED, LOCKED. */
export async function releaseHold(store: Store, release: Release, options: AppendOptions): Promise<Released> {
  const entry = await appendEvent(store, options, () => {
    const { retention } = readHistory(store.at, localPin(store));
    const hold = retention.holds.find(h => h.id === release.id);
    if (!hold)
      throw new AuditError('NO_SUCH_HOLD', `there is no hold "${release.id.slice(0, 40)}"`, {
        hint: '`slmaudit hold list` shows them',
      });
    if (hold.release)
      throw new AuditError(
        'HOLD_RELEASED',
        `hold ${hold.id} was released by entry ${hold.release.entry}, and binds until ${hold.release.until}`,
        { hint: '`slmaudit hold list` shows them' },
      );
    return { kind: 'release', lines: releaseLines(release) };
  });
  const { retention } = readHistory(store.at, localPin(store));
  return { entry: entry!, until: retention.holds.find(h => h.id === release.id)!.release!.until };
}

export interface ListedHold {
  readonly hold: StatedHold;
  /** `released`: but it binds still. */
  readonly state: 'active' | 'released' | 'over';
  /** Until when it binds; undefined: it is not released. */
  readonly until: string | undefined;
  readonly covered: Covered;
}

export function listHolds(history: History, now: string): ListedHold[] {
  const { retention } = history;
  return retention.holds.map(hold => ({
    hold,
    state: hold.release === undefined ? 'active' : retention.isActive(hold, now) ? 'released' : 'over',
    until: hold.release?.until,
    covered: coveredBy(history, hold),
  }));
}

function coveredBy({ inventory }: History, hold: Hold): Covered {
  const all = inventory.segments.filter(s => !inventory.pruned.has(s.segment) && covers(hold, s));
  const span = spanOver(all.map(s => s.span));
  return {
    segments: all.map(s => s.segment),
    records: all.reduce((sum, s) => sum + s.records, 0),
    ...(span && { span }),
  };
}

const BY = Buffer.from('slmaudit/by/v1\0');

/** Who did it, where no code is given: a name of this host, as a keyed hash. Throws what reading the record key throws. */
export function whoIs(store: Store, user: string): string {
  const mac = createMac(readRecordKey(store.keys).key);
  return `hmac:${mac(BY, Buffer.from(user, 'utf8')).slice(0, 32)}`;
}
