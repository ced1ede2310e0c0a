import { AuditError } from '../errors.ts';
import { type Made, rewrite } from '../compact/rewrite.ts';
import { finishDecided, restate, statedFile } from '../compact/state.ts';
import { rangesOf } from '../log/ranges.ts';
import { type Prune, pruneLines } from '../log/restate.ts';
import { later } from '../log/retention.ts';
import { instantOf } from '../store/clock.ts';
import { type History, readHistory } from '../store/history.ts';
import { localPin, type Store } from '../store/store.ts';
import type { Finding } from '../verify/finding.ts';
import { checkPayload, checkQuarantine } from '../verify/payloads.ts';
import { type Due, type KeptBack, type Plan, planOf } from './plan.ts';

export interface PruneOptions {
  readonly lockWaitMs: number;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly dryRun: boolean;
  /** Days: between minimum and maximum too. */
  readonly olderThan?: number;
  /** A clock that stands behind the last entry, or far ahead of it, is right all the same. */
  readonly clockIsRight: boolean;
  readonly onProgress?: (done: number, of: number) => void;
}

/** The same for a dry run and for the real one behind it. */
export interface Pruned {
  readonly policy: number;
  readonly segments: readonly Due[];
  readonly kept: readonly KeptBack[];
  /** Segments that would go and are not what was sealed: they stay, as evidence. */
  readonly leftOut: readonly { readonly segment: number; readonly code: string; readonly file?: string }[];
}

const REASON = { due: 'maximum', asked: 'age' } as const;

/**
 * Deletes what the policy in force says must go and nothing keeps (SPEC 14): every candidate is verified, one entry says what goes, then files
 * go. What is not as it was sealed stays and is reported: an edit can't be pruned away. Throws CLOCK_DOUBTFUL, NO_POLICY, and what
 * taking the lock and reading the log throw.
 */
export async function prune(
  store: Store,
  options: PruneOptions,
): Promise<{ readonly pruned: Pruned; readonly entry?: number }> {
  const now = instantOf(options.now);
  const history = options.dryRun
    ? readHistory(store.at, localPin(store))
    : await finishDecided(store, options.lockWaitMs);
  checkClock(history, now, options.clockIsRight);
  if (history.retention.newest.entry === 0)
    throw new AuditError('NO_POLICY', 'this log has no policy: nothing may be deleted', {
      hint: 'set one with `slmaudit policy set`; `slmaudit policy presets` lists some',
    });
  const plan = planOf(history, now, options.olderThan);
  const leftOut = await verified(store, history, plan, options);
  const out = new Set(leftOut.map(l => l.segment));
  const segments = plan.due.filter(d => !out.has(d.segment));
  const pruned = { policy: plan.policy, segments, kept: plan.kept, leftOut };
  if (options.dryRun || segments.length === 0) return { pruned };
  const made: Made[] = [];
  for (const { file, segments: rest } of plan.rests)
    if (!file.segments.some(n => out.has(n))) made.push(await rewrite(store.at, history.inventory, rest));
  const entry = await restate(store, history, options, made, () => {
    const still = new Set(planOf(history, now, options.olderThan).due.map(d => d.segment));
    if (history.retention.newest.entry !== plan.policy || !segments.every(s => still.has(s.segment)))
      return undefined;
    const reason = options.olderThan === undefined ? REASON.due : REASON.asked;
    const files = made.map(statedFile);
    return {
      kind: 'prune',
      lines: pruneLines({ policy: plan.policy, reason, pruned: groups(segments, now), files }),
    };
  });
  if (entry === undefined)
    throw new AuditError('LOG_MOVED', 'a hold, a policy or another prune came in between', {
      hint: 'nothing was deleted: run the same command again',
    });
  return { pruned, entry };
}

/** By class; each has one number of days. */
function groups(segments: readonly Due[], now: string): Prune['pruned'] {
  const names = [...new Set(segments.map(s => s.class))].toSorted();
  return names.map(name => {
    const some = segments.filter(s => s.class === name);
    return { class: name, cutoff: later(now, -some[0]!.days), segments: rangesOf(some.map(s => s.segment)) };
  });
}

/** Segments of files that are not what was sealed. */
async function verified(
  store: Store,
  { inventory }: History,
  { files, rests, due }: Plan,
  { onProgress }: PruneOptions,
): Promise<Pruned['leftOut']> {
  const { at } = store;
  const leftOut: Pruned['leftOut'][number][] = [];
  const wanted = new Set(due.map(d => d.segment));
  const note = (segments: readonly number[], [finding]: readonly Finding[]): void => {
    if (!finding) return;
    const { code, file } = finding;
    const some = segments.filter(n => wanted.has(n));
    leftOut.push(...some.map(segment => ({ segment, code, ...(file !== undefined && { file }) })));
  };
  const all = [...files, ...rests.map(r => r.file)];
  for (const [i, file] of all.entries()) {
    note(file.segments, (await checkPayload(at, inventory, file, false)).findings);
    onProgress?.(i + 1, all.length);
  }
  for (const { segment } of due) {
    const sealed = inventory.get(segment)!;
    if (inventory.hasRejected(sealed)) note([segment], (await checkQuarantine(at, sealed)).findings);
  }
  return leftOut;
}

/** Deletions go by the clock: one that was set forward would make everything old. */
function checkClock({ at, retention }: History, now: string, isRight: boolean): void {
  if (isRight) return;
  const hint = 'set the clock, or say --clock-is-right if it is';
  if (now < at)
    throw new AuditError('CLOCK_DOUBTFUL', `the clock says ${now}, and the last entry is of ${at}`, {
      hint: `nothing was deleted; ${hint}`,
    });
  if (now > later(at, retention.newest.policy.grace))
    throw new AuditError(
      'CLOCK_DOUBTFUL',
      `the clock says ${now}, and nothing was written since ${at}: more than the policy's grace of ${retention.newest.policy.grace} days`,
      { hint: `nothing was deleted; ${hint}` },
    );
}
