import { AuditError } from '../errors.ts';
import { parseCheckpoint } from '../log/checkpoint.ts';
import { parseEntry } from '../log/entry.ts';
import { formatVkey } from '../note/key.ts';
import { parseNote } from '../note/note.ts';
import { epochKeyFits, readHead, readLogKey, readRecordKeys } from '../store/keys.ts';
import { readCheckpoint, readEntries } from '../store/log.ts';
import type { Store } from '../store/store.ts';
import { recoveryKeyOf } from './recover.ts';

/** Which keys of a store this host holds, and whether they fit it. */
export interface KeyStatus {
  readonly folder: string;
  /** Verifier key of the log key. */
  readonly log?: string;
  /** Does the key that must sign the next entry lie here? */
  readonly epoch: { readonly entry: number; readonly present: boolean };
  /** Ids of record keys: the present one first; empty if it is lost. */
  readonly record: readonly string[];
  /** Verifier key of the recovery key that genesis names. */
  readonly recovery?: string;
  /** Entries that this host has committed, and that the store has. */
  readonly head?: number;
  readonly entries: number;
}

export function keyStatus(store: Store): KeyStatus {
  const { at, keys } = store;
  const { size } = readCheckpoint(at);
  const [last] = readEntries(at, size - 1, size);
  const next = last && parseEntry(parseNote(last).text).next;
  const log = present(() => readLogKey(keys));
  const record = present(() => readRecordKeys(keys).map(key => key.id)) ?? [];
  const head = readHead(keys);
  const recovery = recoveryKeyOf(store);
  return {
    folder: keys.folder,
    ...(log && { log: formatVkey(log) }),
    epoch: { entry: size, present: next !== undefined && epochKeyFits(keys, size, next) },
    record,
    ...(recovery && { recovery: formatVkey(recovery) }),
    ...(head && { head: parseCheckpoint(head).size }),
    entries: size,
  };
}

function present<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof AuditError && error.code === 'NO_KEYS') return undefined;
    throw error;
  }
}
