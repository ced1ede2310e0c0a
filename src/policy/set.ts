import { classIn, type Policy, policyLines } from '../log/policy.ts';
import { formatLine } from '../log/line.ts';
import { later, type StatedPolicy } from '../log/retention.ts';
import { appendEvent } from '../seal/append.ts';
import { instantOf } from '../store/clock.ts';
import { type History, readHistory } from '../store/history.ts';
import { localPin, type Store } from '../store/store.ts';

export interface SetOptions {
  readonly lockWaitMs: number;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly dryRun: boolean;
}

/** What a policy comes to in a log. */
export interface Outcome {
  /** Its entry; undefined: nothing was written. */
  readonly entry: number | undefined;
  /** Is it the one that is in force already? Nothing is written then. */
  readonly same: boolean;
  readonly policy: Policy;
  /** In force until now. */
  readonly before: StatedPolicy;
  readonly changes: readonly Change[];
  /** Policies that bind beside it, and until when. */
  readonly binding: readonly { readonly policy: number; readonly until: string }[];
  /** Segments that there are, by the policy they were sealed under; each is judged by that too, unless this one is retroactive. */
  readonly sealed: readonly {
    readonly policy: number;
    readonly segments: number;
    /** Of them, those which that policy keeps for ever. */
    readonly forEver: number;
  }[];
}

/** Of a class; days, Infinity: for ever, undefined: no maximum. */
export interface Change {
  readonly class: string;
  readonly min: readonly [from: number, to: number];
  readonly max: readonly [from: number | undefined, to: number | undefined];
  /** Lets something go earlier than before. */
  readonly looser: boolean;
}

/**
 * Puts a policy into the log, unless it is the one in force. Nothing is deleted by that: `prune` does it, once every policy that binds
 * lets it. Throws LOCKED, and what appending throws.
 */
export async function setPolicy(store: Store, policy: Policy, options: SetOptions): Promise<Outcome> {
  const planned = (): Outcome => plan(readHistory(store.at, localPin(store)), policy, instantOf(options.now));
  if (options.dryRun) return planned();
  let outcome: Outcome | undefined;
  const entry = await appendEvent(store, options, () => {
    outcome = planned();
    return outcome.same ? undefined : { kind: 'policy', lines: policyLines(policy) };
  });
  return { ...outcome!, entry };
}

/** What it would come to at that time. */
export function plan({ retention, inventory, at, head }: History, policy: Policy, clock: string): Outcome {
  const now = clock < at ? at : clock;
  const before = retention.newest;
  const textOf = (p: Policy): string => policyLines(p).map(formatLine).join('\n');
  const same = before.entry > 0 && textOf(before.policy) === textOf(policy);
  // The first one behind genesis acts at once.
  const binding = (head.size === 1 ? [] : retention.binding(now)).map(p => ({
    policy: p.entry,
    until: retention.endOf(p) ?? later(now, p.policy.grace),
  }));
  const sealed = new Map<number, { policy: number; segments: number; forEver: number }>();
  for (const s of inventory.segments) {
    if (inventory.pruned.has(s.segment)) continue;
    const of = sealed.get(s.policy) ?? { policy: s.policy, segments: 0, forEver: 0 };
    const own = retention.policies.find(p => p.entry === s.policy) ?? retention.policies[0]!;
    of.segments++;
    if (classIn(own.policy, s.class).min === Infinity) of.forEver++;
    sealed.set(s.policy, of);
  }
  return {
    entry: undefined,
    same,
    policy,
    before,
    changes: changesOf(before.policy, policy),
    binding: same ? binding.slice(0, -1) : binding,
    sealed: [...sealed.values()],
  };
}

function changesOf(before: Policy, after: Policy): Change[] {
  const names = new Set([...before.classes, ...after.classes].map(c => c.name));
  return [...names]
    .map((name): Change => {
      const [a, b] = [classIn(before, name), classIn(after, name)];
      return { class: name, min: [a.min, b.min], max: [a.max, b.max], looser: b.min < a.min };
    })
    .filter(({ min, max }) => min[0] !== min[1] || max[0] !== max[1]);
}
