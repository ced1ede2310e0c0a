import { parseEntry } from '../log/entry.ts';
import { KEEP_ALL, parsePolicy, type Policy } from '../log/policy.ts';
import { parseNote } from '../note/note.ts';
import type { Layout } from '../store/layout.ts';
import { readCheckpoint, readEntries } from '../store/log.ts';
import { readTip } from './tip.ts';

/** The newest policy of a log, and the entry that states it: by it records get their class. */
export interface NewestPolicy {
  readonly entry: number;
  readonly policy: Policy;
}

export const newestPolicy = (at: Layout): NewestPolicy =>
  policyAt(at, readTip(at, readCheckpoint(at)).policy);

export function policyAt(at: Layout, entry: number): NewestPolicy {
  if (entry === 0) return { entry, policy: KEEP_ALL };
  const [note] = readEntries(at, entry, entry + 1);
  return { entry, policy: parsePolicy(parseEntry(parseNote(note!).text)) };
}
