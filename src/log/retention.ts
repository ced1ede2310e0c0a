import { microsOf, tsOfMicros } from '../record/time.ts';
import type { Entry } from './entry.ts';
import { type Hold, parseHold, parseRelease, type Release } from './hold.ts';
import { classIn, KEEP_ALL, parsePolicy, type Policy, type RetentionClass } from './policy.ts';

const DAY = 86_400_000_000;

/** A segment as far as its retention depends on it. */
export interface Kept {
  readonly segment: number;
  readonly class: string;
  /** The policy that its manifest names. */
  readonly policy: number;
  /** When it was sealed. */
  readonly at: string;
  readonly span?: { readonly from: string; readonly to: string } | undefined;
}

export interface StatedPolicy {
  readonly entry: number;
  readonly at: string;
  readonly policy: Policy;
}

export interface StatedHold extends Hold {
  readonly entry: number;
  readonly at: string;
  /** `until`: the hold binds still. */
  readonly release?: Release & { readonly entry: number; readonly at: string; readonly until: string };
}

/** Why a segment may not be deleted (yet). */
export type Refusal =
  /** `until`: the earliest time at which that policy lets it go; undefined: never. */
  | { readonly why: 'policy'; readonly policy: number; readonly until: string | undefined }
  | { readonly why: 'hold'; readonly hold: string };

/**
 * What a log's policies, holds and releases let be deleted, and when (SPEC 14). `prune` decides by it and `verify` judges by it:
 * neither can do what the other would not. Times are those of entries.
 */
export class Retention {
  /** Genesis first. */
  readonly policies: StatedPolicy[] = [];
  readonly holds: StatedHold[] = [];
  /** When the policies of these entries bind no more. */
  readonly #ends = new Map<number, string>();

  /** `at`: of genesis. */
  constructor(at: string) {
    this.policies.push({ entry: 0, at, policy: KEEP_ALL });
  }

  /** Takes the next entry, of whatever kind. False: a hold or a release that can not be. Throws ENTRY_MALFORMED, WRITTEN_BY_NEWER. */
  add(entry: Entry): boolean {
    const { index, at } = entry;
    if (entry.kind === 'policy') this.#addPolicy(index, at, parsePolicy(entry));
    if (entry.kind === 'hold') return this.addHold(index, at, parseHold(entry));
    return entry.kind !== 'release' || this.addRelease(index, at, parseRelease(entry));
  }

  #addPolicy(entry: number, at: string, policy: Policy): void {
    const { entry: before, policy: newest } = this.newest;
    // Of a policy right behind genesis there is nothing that it could loosen.
    this.#ends.set(before, entry === 1 ? at : later(at, newest.grace));
    this.policies.push({ entry, at, policy });
  }

  /** False: there is one of that id. */
  addHold(entry: number, at: string, hold: Hold): boolean {
    if (this.holds.some(h => h.id === hold.id)) return false;
    this.holds.push({ ...hold, entry, at });
    return true;
  }

  /**
   * False: no such hold, or it was released before. It counts once the longest grace of the policies that bind now is over: a
   * shorter one, set just before it, hastens nothing.
   */
  addRelease(entry: number, at: string, release: Release): boolean {
    const index = this.holds.findIndex(h => h.id === release.id && !h.release);
    if (index < 0) return false;
    const until = later(at, Math.max(...this.binding(at).map(p => p.policy.grace)));
    this.holds[index] = { ...this.holds[index]!, release: { ...release, entry, at, until } };
    return true;
  }

  get newest(): StatedPolicy {
    return this.policies.at(-1)!;
  }

  /** The policies that bind at a time: the newest, and each before it whose grace is not over. */
  binding(now: string): StatedPolicy[] {
    return this.policies.filter(stated => isAfter(this.endOf(stated), now));
  }

  /** When a policy binds no more but for what was sealed under it; undefined: it is the newest. */
  endOf({ entry }: StatedPolicy): string | undefined {
    return this.#ends.get(entry);
  }

  /** Undefined: the segment may be deleted at that time. `redact`: only rows of it. */
  refusal(segment: Kept, now: string, redact = false): Refusal | undefined {
    for (const stated of this.#judges(segment, now)) {
      if (redact && stated.policy.redactAny) continue;
      const until = this.#minimumOver(segment, stated);
      if (until === undefined || until > now) return { why: 'policy', policy: stated.entry, until };
    }
    const held = this.holdOn(segment, now);
    return held && { why: 'hold', hold: held.id };
  }

  /** The hold that covers a segment, if one does. */
  holdOn(segment: Kept, now: string): StatedHold | undefined {
    return this.holdsOn(segment, now)[0];
  }

  holdsOn(segment: Kept, now: string): StatedHold[] {
    return this.holds.filter(hold => this.isActive(hold, now) && covers(hold, segment));
  }

  isActive({ release }: StatedHold, now: string): boolean {
    return isAfter(release?.until, now);
  }

  /** The first time from `now` on at which nothing that is in the log refuses; undefined: never. `redact`: as in refusal(). */
  freeFrom(segment: Kept, now: string, redact = false): string | undefined {
    // Refusals end, and never begin, by the mere passing of time: at one of these.
    const ends = [
      now,
      ...this.policies.flatMap(p => [this.endOf(p), this.#minimumOver(segment, p)]),
      ...this.holds.map(h => h.release?.until),
    ]
      .filter(t => t !== undefined)
      .filter(t => t >= now)
      .toSorted(compare);
    let [low, high] = [0, ends.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.refusal(segment, ends[middle]!, redact)) low = middle + 1;
      else high = middle;
    }
    return ends[low];
  }

  /** When a segment is to be gone by the newest policy; undefined: never. */
  due(segment: Kept): string | undefined {
    const { policy } = this.newest;
    const { max } = classIn(policy, segment.class);
    return max === undefined ? undefined : later(ageFrom(segment, policy), max);
  }

  #minimumOver(segment: Kept, { policy }: StatedPolicy): string | undefined {
    const { min } = classIn(policy, segment.class);
    return min === Infinity ? undefined : later(ageFrom(segment, policy), min);
  }

  /**
   * Of a deletion: the policies that bind then, and the one its manifest names (genesis, if there is none of that number) unless
   * all that came since and bind speak for the past too: one that is retroactive looses nothing before its predecessor's grace is over.
   */
  #judges(segment: Kept, now: string): StatedPolicy[] {
    const binding = this.binding(now);
    const own = this.policies.find(p => p.entry === segment.policy) ?? this.policies[0]!;
    const isSilent = binding.every(p => p.entry <= own.entry || p.policy.retroactive);
    return isSilent || binding.includes(own) ? binding : [...binding, own];
  }
}

/** From when on a segment's age counts: its sealing, or its newest record, never later than that. */
export function ageFrom(segment: Kept, policy: Policy): string {
  const { age }: Pick<RetentionClass, 'age'> = classIn(policy, segment.class);
  const newest = segment.span?.to;
  return age === 'record' && newest !== undefined && newest < segment.at ? newest : segment.at;
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** `end`: undefined: it doesn't. */
const isAfter = (end: string | undefined, now: string): boolean => end === undefined || end > now;

/** Does a hold name a segment, whether it binds or not? */
export function covers({ segments, span }: Hold, { segment, at, span: own }: Kept): boolean {
  if (segments.some(([from, to]) => segment >= from && segment <= to)) return true;
  if (!span) return false;
  // Without records, when it was sealed.
  const { from, to } = own ?? { from: at, to: at };
  return (span.since === undefined || to >= span.since) && (span.until === undefined || from < span.until);
}

/** A time so many days behind another one; far times stand for the last that can be written. */
export function later(at: string, days: number): string {
  return tsOfMicros(Math.round(microsOf(at) + days * DAY)) ?? '2199-12-31T23:59:59.999999Z';
}
