import { parseEntry } from '../log/entry.ts';
import { Inventory, type SealedSegment } from '../log/inventory.ts';
import { parseNote } from '../note/note.ts';
import { type Layout, payloadPath } from '../store/layout.ts';
import { readEntries } from '../store/log.ts';
import { digestFile } from '../store/store.ts';

/** The segments that a log names of some batches, and which files hold them since. */
export interface Named {
  readonly of: (batch: string) => readonly SealedSegment[];
  /** Is its payload there, and what the log states? What an entry has restated or deleted was seen to be whole then. */
  readonly isWhole: (segment: SealedSegment) => Promise<boolean>;
}

/** `since`: of each batch, the size of the log when it was begun; only entries from there on can name it. */
export function namedSegments(at: Layout, since: ReadonlyMap<string, number>, size: number): Named {
  const found = new Map<string, SealedSegment[]>();
  const inventory = new Inventory(segment => segment);
  for (const note of readEntries(at, Math.min(size, ...since.values()), size))
    inventory.add(parseEntry(parseNote(note).text));
  for (const segment of inventory.segments) {
    if (!since.has(segment.batch)) continue;
    const known = found.get(segment.batch);
    if (known) known.push(segment);
    else found.set(segment.batch, [segment]);
  }
  const isWhole = async ({ segment, at: sealed, payload }: SealedSegment): Promise<boolean> => {
    if (!payload) return true;
    const file = inventory.files.get(segment);
    if (!file || file.isRestated) return true;
    return (await digestFile(payloadPath(at, segment, sealed), payload.bytes))?.sha256 === payload.sha256;
  };
  return { of: batch => found.get(batch) ?? [], isWhole };
}

/** Is every part of the batch among them? */
export const isAllNamed = (named: readonly SealedSegment[]): boolean =>
  named.some(s => s.part === undefined || new Set(named.map(n => n.class)).size >= s.part.of);
