import type { Inventory, PayloadFile, SealedSegment } from '../log/inventory.ts';
import { classIn } from '../log/policy.ts';
import { ageFrom, later, type Refusal } from '../log/retention.ts';
import type { History } from '../store/history.ts';

/** A segment that is to go, and why. */
export interface Due {
  readonly segment: number;
  readonly class: string;
  readonly records: number;
  /** Of its file, where that holds it alone; else its share of the records. */
  readonly bytes: number;
  readonly span?: { readonly from: string; readonly to: string };
  readonly sealed_at: string;
  /** When it came to be due. */
  readonly due: string;
  /** Days that it was to be kept at most, by the policy or by what was asked for. */
  readonly days: number;
  /** The rule: `max 400d of class default (policy 3)`. */
  readonly rule: string;
}

/** A segment that would be due, and what keeps it. */
export interface KeptBack {
  readonly segment: number;
  readonly class: string;
  readonly records: number;
  readonly due: string;
  /** `hold 1c0ffee5`, `policy 0 keeps it for ever`, `policy 2 keeps it until ...`. */
  readonly kept_by: string;
}

export interface Plan {
  readonly policy: number;
  readonly due: readonly Due[];
  readonly kept: readonly KeptBack[];
  /** Files that go whole. */
  readonly files: readonly PayloadFile[];
  /** Files of which a part goes: the rest, which must be written anew. */
  readonly rests: readonly { readonly file: PayloadFile; readonly segments: readonly number[] }[];
  /** Segments that are to go and hold rejected lines alone. */
  readonly bare: readonly number[];
}

/**
 * What is to be deleted at a time: segments older than the maximum of their class (or than `olderThan` days), which no policy that binds then and
 * no hold keeps. A file of several segments goes once all that nothing keeps are due: they were sealed on one day.
 */
export function planOf({ inventory, retention }: History, now: string, olderThan?: number): Plan {
  const { newest } = retention;
  const due = new Map<number, Due>();
  const kept = new Map<number, KeptBack>();
  for (const segment of inventory.segments) {
    if (inventory.pruned.has(segment.segment)) continue;
    const hasFiles = inventory.files.has(segment.segment) || inventory.hasRejected(segment);
    const since =
      olderThan === undefined ? retention.due(segment) : later(ageFrom(segment, newest.policy), olderThan);
    if (!hasFiles || since === undefined || since > now) continue;
    const about = { segment: segment.segment, class: segment.class, records: segment.records, due: since };
    const refusal = retention.refusal(segment, now);
    if (refusal) kept.set(segment.segment, { ...about, kept_by: sentence(refusal) });
    else {
      const days = olderThan ?? classIn(newest.policy, segment.class).max!;
      const rule = `${olderThan === undefined ? 'max' : 'asked for:'} ${days}d of class ${segment.class} (policy ${newest.entry})`;
      const bytes = bytesOf(inventory, segment);
      const span = segment.span && { span: segment.span };
      due.set(segment.segment, { ...about, bytes, ...span, sealed_at: segment.at, days, rule });
    }
  }
  const files: PayloadFile[] = [];
  const rests: Plan['rests'][number][] = [];
  for (const file of inventory.payloadFiles()) {
    const left = file.segments.filter(n => !due.has(n));
    if (left.length === file.segments.length) continue;
    if (left.length === 0) files.push(file);
    else if (left.every(n => kept.has(n))) rests.push({ file, segments: left });
    else for (const n of file.segments) due.delete(n);
  }
  const bare = [...due.keys()].filter(n => !inventory.files.has(n));
  return { policy: newest.entry, due: [...due.values()], kept: [...kept.values()], files, rests, bare };
}

function sentence(refusal: Refusal): string {
  if (refusal.why === 'hold') return `hold ${refusal.hold}`;
  return `policy ${refusal.policy} keeps it ${refusal.until === undefined ? 'for ever' : `until ${refusal.until.slice(0, 10)}`}`;
}

function bytesOf(inventory: Inventory, { segment, records, rejected }: SealedSegment): number {
  const file = inventory.files.get(segment);
  const all = file?.segments.reduce((sum, n) => sum + inventory.get(n)!.records, 0) ?? 0;
  return Math.round((file?.bytes ?? 0) * (all === 0 ? 0 : records / all)) + (rejected?.bytes ?? 0);
}
