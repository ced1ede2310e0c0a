import { AuditError } from '../errors.ts';
import { type Entry, entryHash, parseEntry } from '../log/entry.ts';
import { type SealedSegment, sealedSegment } from '../log/inventory.ts';
import type { VerifierKey } from '../note/key.ts';
import { parseNote } from '../note/note.ts';
import { instantOf } from '../store/clock.ts';
import type { Layout } from '../store/layout.ts';
import { readEntries } from '../store/log.ts';

/** What the next entry has to join: read from the last entries, whatever the size of the log. */
export interface Tip {
  readonly size: number;
  readonly prev: Buffer;
  readonly at: string;
  /** The key that must sign entry `size`. */
  readonly next: VerifierKey;
  readonly nextSegment: number;
  /** `seq` of the next record. */
  readonly nextFirst: number;
  /** Entry of the newest policy; 0: genesis, nothing may be deleted. */
  readonly policy: number;
}

/** Of a log of that size. */
export function readTip(at: Layout, { size }: { readonly size: number }): Tip {
  const [note] = readEntries(at, size - 1, size);
  if (!note) throw new AuditError('LOG_EMPTY', 'the log holds no entry', { hint: 'run `slmaudit verify`' });
  const entry = parseEntry(parseNote(note).text);
  if (!entry.next) {
    throw new AuditError('LOG_CLOSED', `the log was closed by entry ${entry.index}`, {
      hint: 'begin a new store with `slmaudit init`',
    });
  }
  const { segment: last, policy } = lastOf(at, entry);
  return {
    size: entry.index + 1,
    prev: entryHash(note),
    at: entry.at,
    next: entry.next,
    nextSegment: last ? last.segment + 1 : 0,
    nextFirst: last ? last.first + last.records : 0,
    policy,
  };
}

/** The frame of the entry behind a tip. `clock`: milliseconds since 1970; one that has gone back repeats the time before it (SPEC 4). */
export function entryBehind(
  tip: Tip,
  origin: string,
  clock: number,
  own: Pick<Entry, 'kind' | 'lines' | 'records' | 'next'>,
): Entry {
  const now = instantOf(clock);
  const wentBack = now < tip.at;
  return {
    origin,
    index: tip.size,
    version: 1,
    at: wentBack ? tip.at : now,
    ...(wentBack && { clock: now }),
    prev: tip.prev,
    ...own,
  };
}

/**
 * The newest segment up to an entry, and the newest policy. Entries of other kinds stand between, few at a time: nights of
 * `prune` on a log to which nothing comes.
 */
function lastOf(at: Layout, last: Entry): { segment?: SealedSegment; policy: number } {
  let policy: number | undefined;
  for (let entry = last; entry.index > 0;) {
    if (entry.kind === 'policy') policy ??= entry.index;
    if (entry.kind === 'segment') {
      const segment = sealedSegment(entry);
      return { segment, policy: policy ?? segment.policy };
    }
    const [before] = readEntries(at, entry.index - 1, entry.index);
    entry = parseEntry(parseNote(before!).text);
  }
  return { policy: policy ?? 0 };
}
