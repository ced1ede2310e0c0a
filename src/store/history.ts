import { AuditError } from '../errors.ts';
import { checkpointSignedBy } from '../log/checkpoint.ts';
import { entryHash, parseEntry } from '../log/entry.ts';
import { parseGenesis } from '../log/genesis.ts';
import { Inventory, type SealedSegment } from '../log/inventory.ts';
import type { Pin } from '../log/pin.ts';
import { Retention } from '../log/retention.ts';
import { CompactTree, leafHash } from '../merkle/tree.ts';
import { parseNote } from '../note/note.ts';
import type { Layout } from './layout.ts';
import { type Head, readCheckpoint, readEntries } from './log.ts';

export interface History {
  readonly head: Head;
  /** Hash of genesis, which a pin names. */
  readonly genesis: Buffer;
  readonly segments: readonly SealedSegment[];
  /** Which files hold them now. */
  readonly inventory: Inventory;
  readonly retention: Retention;
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
  const inventory = new Inventory(segment => segment);
  let retention: Retention | undefined;
  let genesis: Buffer | undefined;
  let last = '';
  for (const note of readEntries(at, 0, head.size)) {
    tree.add(leafHash(note));
    const entry = parseEntry(parseNote(note).text);
    last = entry.at;
    if (!genesis) {
      genesis = entryHash(note);
      retention = new Retention(entry.at);
      if (!checkpointSignedBy(head.note, pin?.logKey ?? parseGenesis(entry).logKey))
        throw altered('the checkpoint is not signed by the log key');
    }
    inventory.add(entry);
    retention!.add(entry);
  }
  if (!genesis || !tree.root().equals(head.root))
    throw altered('the entries are not those of the checkpoint');
  if (pin && !pin.genesis.equals(genesis)) throw altered('genesis is not the one of the pin');
  return { head, genesis, segments: inventory.segments, inventory, retention: retention!, at: last };
}

export function altered(what: string): AuditError {
  return new AuditError('LOG_ALTERED', what, {
    exit: 1,
    hint: 'run `slmaudit verify`: it says what was altered and where',
  });
}
