import { AuditError } from '../errors.ts';
import type { Inventory, PayloadFile, SealedSegment } from '../log/inventory.ts';
import { compactLines } from '../log/restate.ts';
import { later } from '../log/retention.ts';
import { instantOf } from '../store/clock.ts';
import { type History, readHistory } from '../store/history.ts';
import { localPin, type Store } from '../store/store.ts';
import { rewrite } from './rewrite.ts';
import { finishDecided, restate, statedFile } from './state.ts';

export interface CompactOptions {
  readonly lockWaitMs: number;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly dryRun: boolean;
  /** Between two files. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, of: number) => void;
}

/** Files joined into one. */
export interface Joined {
  /** Day of sealing. */
  readonly day: string;
  readonly class: string;
  readonly segments: number;
  readonly files: number;
  readonly records: number;
  /** Of all files before, and of the one that stands for them, if it was made. */
  readonly bytes: number;
  readonly becomes?: number;
}

export interface Compacted {
  readonly joined: readonly Joined[];
  /** What could not be joined, and why: nothing was changed there. */
  readonly leftOut: readonly {
    readonly day: string;
    readonly class: string;
    readonly code: string;
    readonly why: string;
  }[];
  /** Files of records before and behind it. */
  readonly before: number;
  readonly behind: number;
}

/** A file of more rows than that is left as it is; none gets more than MOST. */
const SMALL = 500_000;
const MOST_ROWS = 1_000_000;
const MOST_BYTES = 1 << 30;
/** Files joined at once: all are held open, and a process may hold 4,096 where there is little. The next run joins what comes of them. */
const MOST_FILES = 2000;

/**
 * Joins small files of one class, one day of sealing and the same holds, and what came late by the day of its newest records: what was
 * sealed by the minute would else stay a file a minute. Only days that are over. Throws what taking the lock and reading the log throw.
 */
export async function compact(store: Store, options: CompactOptions): Promise<Compacted> {
  const now = instantOf(options.now);
  const history = options.dryRun
    ? readHistory(store.at, localPin(store))
    : await finishDecided(store, options.lockWaitMs);
  const { inventory } = history;
  const groups = groupsOf(history, now);
  const joined: Joined[] = [];
  const leftOut: Compacted['leftOut'][number][] = [];
  const before = inventory.payloadFiles().length;
  for (const [i, files] of groups.entries()) {
    if (options.signal?.aborted) break;
    const segments = files.flatMap(f => f.segments).toSorted((a, b) => a - b);
    const first = inventory.get(segments[0]!)!;
    const about = {
      day: first.at.slice(0, 10),
      class: first.class,
      segments: segments.length,
      files: files.length,
      records: segments.reduce((sum, n) => sum + inventory.get(n)!.records, 0),
      bytes: files.reduce((sum, f) => sum + f.bytes, 0),
    };
    if (options.dryRun) {
      joined.push(about);
      continue;
    }
    const made = await rewrite(store.at, inventory, segments).catch(leaveAltered);
    if (made instanceof AuditError) {
      leftOut.push({ day: about.day, class: about.class, code: made.code, why: made.message });
    } else {
      const held = holdsOf(history, files[0]!, now);
      const entry = await restate(store, history, options, [made], () =>
        // A hold that came meanwhile may cover a part of it.
        segments.every(n => holdsOf(history, { segments: [n] }, now) === held)
          ? { kind: 'compact', lines: compactLines({ files: [statedFile(made)] }) }
          : undefined,
      );
      if (entry !== undefined) joined.push({ ...about, becomes: made.bytes });
    }
    options.onProgress?.(i + 1, groups.length);
  }
  const fewer = joined.reduce((sum, j) => sum + j.files - 1, 0);
  return { joined, leftOut, before, behind: before - fewer };
}

/** Files that are not what was sealed stay, as evidence. */
function leaveAltered(error: unknown): AuditError {
  if (error instanceof AuditError && error.exit === 1) return error;
  throw error;
}

/** Files to be joined, in their order. */
export function groupsOf(history: History, now: string): PayloadFile[][] {
  const { inventory } = history;
  const byKind = new Map<string, PayloadFile[]>();
  for (const file of inventory.payloadFiles()) {
    const first = inventory.get(file.segments[0]!)!;
    if (rowsOf(inventory, file) >= SMALL || first.at.slice(0, 10) >= now.slice(0, 10)) continue;
    const kind = [first.at.slice(0, 10), first.class, timesOf(first), holdsOf(history, file, now)].join(' ');
    const alike = byKind.get(kind);
    if (alike) alike.push(file);
    else byKind.set(kind, [file]);
  }
  return [...byKind.values()].flatMap(files => filled(inventory, files)).filter(group => group.length > 1);
}

/** Records that were sealed as they came, or the day of those that came late: they are found, and grow old, by that. */
function timesOf({ at, span }: Pick<SealedSegment, 'at' | 'span'>): string {
  const newest = span!.to;
  return later(newest, 1) >= `${at.slice(0, 10)}T00:00:00.000000Z` ? 'fresh' : newest.slice(0, 10);
}

function filled(inventory: Inventory, files: readonly PayloadFile[]): PayloadFile[][] {
  const groups: PayloadFile[][] = [];
  let [rows, bytes] = [Infinity, Infinity];
  for (const file of files) {
    rows += rowsOf(inventory, file);
    bytes += file.bytes;
    const isFull = rows > MOST_ROWS || bytes > MOST_BYTES || groups.at(-1)!.length === MOST_FILES;
    if (isFull) {
      groups.push([]);
      [rows, bytes] = [rowsOf(inventory, file), file.bytes];
    }
    groups.at(-1)!.push(file);
  }
  return groups;
}

const rowsOf = (inventory: Inventory, { segments }: PayloadFile): number =>
  segments.reduce((sum, n) => sum + inventory.get(n)!.records, 0);

function holdsOf(
  { inventory, retention }: History,
  { segments }: Pick<PayloadFile, 'segments'>,
  now: string,
): string {
  return retention
    .holdsOn(inventory.get(segments[0]!)!, now)
    .map(h => h.id)
    .toSorted()
    .join();
}
