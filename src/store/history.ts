import { AuditError } from '../errors.ts';
import { checkpointSignedBy } from '../log/checkpoint.ts';
import { type Entry, entryHash, parseEntry } from '../log/entry.ts';
import { parseGenesis } from '../log/genesis.ts';
import type { Pin } from '../log/pin.ts';
import { newer } from '../log/reader.ts';
import { parseSegment, type Segment } from '../log/segment.ts';
import { CompactTree, leafHash } from '../merkle/tree.ts';
import { parseNote } from '../note/note.ts';
import type { Layout } from './layout.ts';
import { type Head, readCheckpoint, readEntries } from './log.ts';

/** A segment as the log states it: the manifest's own lines, and the entry that carries them. */
export interface SealedSegment extends Segment {
  readonly entry: number;
  readonly at: string;
  readonly records: number;
  readonly root: Buffer;
}

export interface History {
  readonly head: Head;
  /** Hash of genesis, which a pin names. */
  readonly genesis: Buffer;
  readonly segments: readonly SealedSegment[];
  /** Time of the last entry. */
  readonly at: string;
}

/**
 * What the log says, for readers that go on to payloads: every entry is under the root of the checkpoint, and the
 * checkpoint is signed by the pin's log key (without a pin: by the key that genesis names). That is what gives the
 * digests their worth. The chain of epoch keys is the business of `verify`.
 * Throws LOG_ALTERED (exit 1), WRITTEN_BY_NEWER, and what reading throws.
 */
export function readHistory(at: Layout, pin?: Pin): History {
  const head = readCheckpoint(at);
  const tree = new CompactTree();
  const segments: SealedSegment[] = [];
  let genesis: Buffer | undefined;
  let last = '';
  for (const note of readEntries(at, 0, head.size)) {
    tree.add(leafHash(note));
    const entry = parseEntry(parseNote(note).text);
    last = entry.at;
    if (genesis) {
      const segment = sealed(entry);
      if (segment) segments.push(segment);
      continue;
    }
    genesis = entryHash(note);
    if (!checkpointSignedBy(head.note, pin?.logKey ?? parseGenesis(entry).logKey))
      throw altered('the checkpoint is not signed by the log key');
  }
  if (!genesis || !tree.root().equals(head.root))
    throw altered('the entries are not those of the checkpoint');
  if (pin && !pin.genesis.equals(genesis)) throw altered('genesis is not the one of the pin');
  return { head, genesis, segments, at: last };
}

/** Undefined for an entry that holds no segment. Throws WRITTEN_BY_NEWER for one of an unknown kind: none may be skipped. */
export function sealed(entry: Entry): SealedSegment | undefined {
  if (entry.version === 1 && (entry.kind === 'rekey' || entry.kind === 'recordkey')) return undefined;
  if (entry.kind !== 'segment' || !entry.records) throw newer(`entry ${entry.index} of kind ${entry.kind}`);
  return {
    ...parseSegment(entry),
    entry: entry.index,
    at: entry.at,
    records: entry.records.count,
    root: entry.records.root,
  };
}

export function altered(what: string): AuditError {
  return new AuditError('LOG_ALTERED', what, {
    exit: 1,
    hint: 'run `slmaudit verify`: it says what was altered and where',
  });
}
