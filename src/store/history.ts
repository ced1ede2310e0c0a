import { AuditError } from '../errors.ts';
import { checkpointSignedBy } from '../log/checkpoint.ts';
import { entryHash, parseEntry } from '../log/entry.ts';
import { parseGenesis } from '../log/genesis.ts';
import { Inventory, type SealedSegment } from '../log/inventory.ts';
import type { Pin } from '../log/pin.ts';
import { Retention } from '../log/retention.ts';
import { CompactTree, leafHash } from '../merkle/tree.ts';
import type { VerifierKey } from '../note/key.ts';
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
export const readHistory = (at: Layout, pin?: Pin): GrowingHistory => new GrowingHistory(at, pin).readOn();

/** A history that goes on with its log, an entry at a time: years of it are read once. */
export class GrowingHistory implements History {
  readonly genesis: Buffer;
  readonly inventory: Inventory = new Inventory(segment => segment);
  readonly retention: Retention;
  head: Head;
  at: string;
  readonly #at: Layout;
  readonly #logKey: VerifierKey;
  readonly #tree = new CompactTree();

  /** Knows genesis alone, and checks nothing before readOn(). */
  constructor(at: Layout, pin?: Pin) {
    this.#at = at;
    this.head = readCheckpoint(at);
    const [first] = readEntries(at, 0, Math.min(1, this.head.size));
    if (!first) throw altered('the entries are not those of the checkpoint');
    const entry = parseEntry(parseNote(first).text);
    this.at = entry.at;
    this.genesis = entryHash(first);
    if (pin && !pin.genesis.equals(this.genesis)) throw altered('genesis is not the one of the pin');
    this.retention = new Retention(entry.at);
    this.#logKey = pin?.logKey ?? parseGenesis(entry).logKey;
  }

  get segments(): readonly SealedSegment[] {
    return this.inventory.segments;
  }

  /** Reads what has come since, up to the checkpoint of now. Once it has thrown, it is of no more use. */
  readOn(): this {
    this.head = readCheckpoint(this.#at);
    if (!checkpointSignedBy(this.head.note, this.#logKey))
      throw altered('the checkpoint is not signed by the log key');
    for (const note of readEntries(this.#at, this.#tree.size, this.head.size)) {
      this.#tree.add(leafHash(note));
      const entry = parseEntry(parseNote(note).text);
      this.at = entry.at;
      this.inventory.add(entry);
      this.retention.add(entry);
    }
    // Not of a log that is shorter than it was, either.
    if (!this.#tree.root().equals(this.head.root))
      throw altered('the entries are not those of the checkpoint');
    return this;
  }
}

export function altered(what: string): AuditError {
  return new AuditError('LOG_ALTERED', what, {
    exit: 1,
    hint: 'run `slmaudit verify`: it says what was altered and where',
  });
}
