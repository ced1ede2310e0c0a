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
  readonly span?: { readonly from: string; readonly to: string };
}

export interface StatedPolicy {
  readonly entry: number;
  readonly at: string;
  readonly policy: Policy;
}

export interface StatedHold extends Hold {
  readonly entry: number;
  readonly at: string;
  readonly release?: Release & { readonly entry: number; readonly at: string };
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

  /** `at`: of genesis. */
  constructor(at: string) {
    this.policies.push({ entry: 0, at, policy: KEEP_ALL });
  }

  /** Takes the next entry, of whatever kind. False: a hold or a release that can not be. Throws ENTRY_MALFORMED, WRITTEN_BY_NEWER. */
  add(entry: Entry): boolean {
    const { index, at } = entry;
    if (entry.kind === 'policy') this.policies.push({ entry: index, at, policy: parsePolicy(entry) });
    if (entry.kind === 'hold') return this.addHold(index, at, parseHold(entry));
    return entry.kind !== 'release' || this.addRelease(index, at, parseRelease(entry));
  }

  /** False: there is one of that id. */
  addHold(entry: number, at: string, hold: Hold): boolean {
    if (this.holds.some(h => h.id === hold.id)) return false;
    this.holds.push({ ...hold, entry, at });
    return true;
  }

  /** False: no such hold, or it was released before. */
  addRelease(entry: number, at: string, release: Release): boolean {
    const index = this.holds.findIndex(h => h.id === release.id && !h.release);
    if (index < 0) return false;
    this.holds[index] = { ...this.holds[index]!, release: { ...release, entry, at } };
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
  endOf(stated: StatedPolicy): string | undefined {
    const next = this.policies[this.policies.indexOf(stated) + 1];
    return next && later(next.at, stated.policy.grace);
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

  isActive(hold: StatedHold, now: string): boolean {
    return isAfter(this.endOfHold(hold), now);
  }

  /**
   * A release counts once the longest grace is over of the policies that bound when it was written: a shorter one, set just before
   * it, hastens nothing. Undefined: it is not released.
   */
  endOfHold({ release }: StatedHold): string | undefined {
    if (!release) return undefined;
    const then = this.policies.filter(p => p.entry < release.entry);
    const bound = then.filter((p, i) => i === then.length - 1 || this.endOf(p)! > release.at);
    return later(release.at, Math.max(...bound.map(p => p.policy.grace)));
  }

  /** The first time from `now` on at which nothing that is in the log refuses; undefined: never. */
  freeFrom(segment: Kept, now: string): string | undefined {
    // Refusals end, and never begin, by the mere passing of time: at one of these.
    const ends = [
      ...this.policies.flatMap(p => [this.endOf(p), this.#minimumOver(segment, p)]),
      ...this.holds.map(h => this.endOfHold(h)),
    ];
    let free: string | undefined;
    for (const t of [now, ...ends])
      if (t !== undefined && t >= now && !(free !== undefined && t >= free) && !this.refusal(segment, t))
        free = t;
    return free;
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
