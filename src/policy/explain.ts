import { classIn } from '../log/policy.ts';
import { formatRanges, rangesOf } from '../log/ranges.ts';
import type { SealedSegment } from '../log/inventory.ts';
import { type Refusal } from '../log/retention.ts';
import { spanOver } from '../log/span.ts';
import type { History } from '../store/history.ts';

/** What becomes of some segments, and why. */
export interface Explained {
  readonly class: string;
  /** Day of sealing. */
  readonly sealedOn: string;
  readonly segments: readonly number[];
  readonly records: number;
  /** Of payloads and quarantine; of a file that holds more, its share by records. */
  readonly bytes: number;
  readonly span?: { readonly from: string; readonly to: string };
  readonly fate: 'goes' | 'stays';
  readonly why: Why;
  /** The policy by which it stays or goes. */
  readonly policy: number;
  readonly basis: readonly string[];
  /** The first time at which all of them may be deleted, as the log stands; undefined: never. */
  readonly freeFrom?: string;
  /** When all of them are to be gone; undefined: they need not be. */
  readonly due?: string;
  /** Those that cover them then. */
  readonly holds: readonly string[];
}

type One = Omit<Explained, 'segments'> & { readonly segment: number };

/** `maximum`: it is over. `minimum`: it is not. `not due`: the minimum is over, the maximum is not. */
export type Why = 'maximum' | 'minimum' | 'hold' | 'not due' | 'no maximum';

/** Which segments would be deleted at a time, and what keeps the others; by class and day of sealing, or each by itself. */
export function explain(history: History, at: string, by: 'day' | 'segment'): Explained[] {
  const groups = new Map<string, One[]>();
  const share = sharesOf(history);
  for (const segment of history.inventory.segments) {
    if (history.inventory.pruned.has(segment.segment)) continue;
    const one = explainOne(history, segment, at, share(segment));
    const { sealedOn, class: name, fate, why, policy, holds } = one;
    const unique = by === 'segment' ? one.segment : '';
    const key = JSON.stringify([sealedOn, name, fate, why, policy, holds, unique]);
    const group = groups.get(key);
    if (group) group.push(one);
    else groups.set(key, [one]);
  }
  return [...groups.values()]
    .map(joined)
    .toSorted((a, b) => compare(a.sealedOn, b.sealedOn) || compare(a.class, b.class));
}

export const segmentsText = ({ segments }: Explained): string => formatRanges(rangesOf(segments));

function explainOne({ retention }: History, segment: SealedSegment, at: string, bytes: number): One {
  const refusal = retention.refusal(segment, at);
  const due = retention.due(segment);
  const freeFrom = retention.freeFrom(segment, segment.at);
  const { newest } = retention;
  const policy = refusal?.why === 'policy' ? refusal.policy : newest.entry;
  const why = whyOf(refusal, due, at);
  const stated = retention.policies.find(p => p.entry === policy) ?? newest;
  return {
    class: segment.class,
    sealedOn: segment.at.slice(0, 10),
    segment: segment.segment,
    records: segment.records,
    bytes,
    ...(segment.span && { span: segment.span }),
    fate: why === 'maximum' ? 'goes' : 'stays',
    why,
    policy,
    basis: classIn(stated.policy, segment.class).basis,
    ...(freeFrom !== undefined && { freeFrom }),
    ...(due !== undefined && { due }),
    holds: retention.holdsOn(segment, at).map(h => h.id),
  };
}

function whyOf(refusal: Refusal | undefined, due: string | undefined, at: string): Why {
  if (refusal) return refusal.why === 'hold' ? 'hold' : 'minimum';
  if (due === undefined) return 'no maximum';
  return due > at ? 'not due' : 'maximum';
}

/** Of one group: alike but in what is summed, and in times. */
function joined(all: readonly One[]): Explained {
  const { segment: _, span: __, freeFrom: ___, due: ____, ...same } = all[0]!;
  const whole = spanOver(all.map(e => e.span));
  const [freeFrom, due] = [latest(all.map(e => e.freeFrom)), latest(all.map(e => e.due))];
  return {
    ...same,
    segments: all.map(e => e.segment),
    records: all.reduce((sum, e) => sum + e.records, 0),
    bytes: all.reduce((sum, e) => sum + e.bytes, 0),
    ...(whole && { span: whole }),
    ...(freeFrom !== undefined && { freeFrom }),
    ...(due !== undefined && { due }),
  };
}

/** Undefined, which is never, is later than all. */
function latest(times: readonly (string | undefined)[]): string | undefined {
  return times.reduce((a, b) => (a === undefined || b === undefined ? undefined : a > b ? a : b));
}

/** Bytes that a segment takes. What rounding leaves of a file is its last segment's. */
function sharesOf({ inventory }: History): (segment: SealedSegment) => number {
  const shares = new Map<number, number>();
  for (const { bytes, segments } of inventory.payloadFiles()) {
    const all = segments.map(n => inventory.get(n)!.records);
    const total = all.reduce((sum, n) => sum + n, 0);
    let [seen, given] = [0, 0];
    for (const [i, n] of segments.entries()) {
      seen += all[i]!;
      const until = Math.floor((bytes * seen) / total);
      shares.set(n, until - given);
      given = until;
    }
  }
  return ({ segment, rejected }) =>
    (shares.get(segment) ?? 0) + (inventory.unquarantined.has(segment) ? 0 : (rejected?.bytes ?? 0));
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
