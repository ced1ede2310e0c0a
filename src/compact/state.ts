import { existsSync, renameSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Inventory, PayloadFile } from '../log/inventory.ts';
import type { EntryLine } from '../log/line.ts';
import { rangesOf } from '../log/ranges.ts';
import type { RestatedFile } from '../log/restate.ts';
import { commitEvent, type AppendOptions } from '../seal/append.ts';
import { recover } from '../seal/recover.ts';
import { beginUntidy, leftoversOf, tidy } from '../seal/tidy.ts';
import { makeFolder, removeFile, syncFolder } from '../store/durable.ts';
import { type GrowingHistory, readHistory } from '../store/history.ts';
import { stagedIndexes } from '../store/keys.ts';
import { lockPath, recordsPath, untidyPath } from '../store/layout.ts';
import { takeLock } from '../store/lock.ts';
import { localPin, type Store } from '../store/store.ts';
import type { Made } from './rewrite.ts';

/** What is to be said of files that were made anew, if all is still as it was when they were. */
export interface Statement {
  readonly kind: 'compact' | 'prune' | 'redact';
  readonly lines: readonly EntryLine[];
}

/**
 * Finishes what an interrupted writer has decided or said and not done, and removes what was put back since, if there is such a thing:
 * whoever then finds nothing more to do would else leave deleted records lying about. Returns what the log says now. Throws LOCKED
 * while another writer lives, and what recover() throws.
 */
export async function finishDecided(store: Store, lockWaitMs: number): Promise<GrowingHistory> {
  const { at } = store;
  const history = readHistory(at, localPin(store));
  const isDecided = existsSync(untidyPath(at)) || stagedIndexes(store.keys).length > 0;
  if (!isDecided && leftoversOf(at, history.inventory, history.head.size).length === 0) return history;
  const lock = await takeLock(lockPath(at), lockWaitMs);
  try {
    await recover(store);
    history.readOn();
    tidy(at, history.inventory, history.head.size);
    return history;
  } finally {
    lock.release();
  }
}

/**
 * States files that were made anew, and deletes what the log no longer states (SPEC 8): under the seal lock, the log is read
 * on; `say` looks whether it is still so and says what is to be said, or undefined for nothing; the files get their final names, the entry
 * is committed, then files go. Interrupted before the entry, nothing has happened; behind it, the next writer goes on.
 * Returns the number of the entry.
 */
export async function restate(
  store: Store,
  history: GrowingHistory,
  options: AppendOptions,
  made: readonly Made[],
  say: () => Statement | undefined,
): Promise<number | undefined> {
  const { at } = store;
  const lock = await takeLock(lockPath(at), options.lockWaitMs);
  try {
    const tip = await recover(store);
    const { inventory } = history.readOn();
    const isStale = made.some(m => !isSame(m, inventory));
    const statement = isStale ? undefined : say();
    if (!statement) return undefined;
    beginUntidy(at);
    for (const { path, segments } of made) {
      const place = { segments, entry: tip.size, isRestated: true };
      const to = recordsPath(at, place, inventory.get(segments[0]!)!.at);
      makeFolder(dirname(to));
      renameSync(path, to);
      syncFolder(dirname(to));
    }
    commitEvent(store, tip, statement, options.now);
    tidy(at, history.readOn().inventory, tip.size + 1);
    return tip.size;
  } finally {
    for (const { path } of made) removeFile(path);
    lock.release();
  }
}

/** Do the segments still lie in the files that they were taken from? */
function isSame({ segments, from }: Made, inventory: Inventory): boolean {
  const nameOf = (file?: PayloadFile): string => `${file?.entry} ${file?.sha256}`;
  const names = new Set(from.map(nameOf));
  return segments.every(n => names.has(nameOf(inventory.files.get(n))));
}

export const statedFile = ({ sha256, bytes, segments }: Made): RestatedFile => ({
  sha256,
  bytes,
  segments: rangesOf(segments),
});
