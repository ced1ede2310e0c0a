import { checkpointSignedBy } from '../log/checkpoint.ts';
import { entryHash, parseEntry } from '../log/entry.ts';
import { Inventory, sealedSegment } from '../log/inventory.ts';
import type { SourceRange } from '../log/segment.ts';
import { CompactTree, leafHash } from '../merkle/tree.ts';
import { parseNote } from '../note/note.ts';
import { altered } from './history.ts';
import { readLogKey } from './keys.ts';
import { type Head, readCheckpoint, readEntries } from './log.ts';
import { readRemembered, remember, type Remembered } from './remembered.ts';
import type { Store } from './store.ts';

/** What a log says of the files it was read from, up to some size. */
interface Said {
  readonly tree: CompactTree;
  /** In the order of the log. */
  readonly ranges: SourceRange[];
  /** When a source of a name was first sealed. */
  readonly since: Map<string, string>;
}

/** What is read is remembered once it is so many entries more than what was: they are read in 10 ms. */
const WORTH = 256;

/**
 * What of which files a log holds, for ingest. Each entry is read once a run, under the root of a checkpoint of the log key; and once
 * for all runs of this host where there is a `folder` to remember it in, so that the ten-thousandth run is as quick as the first.
 */
export class HeldFiles {
  readonly #store: Store;
  readonly #folder: string | undefined;
  #said: Said = nothing();
  #head: Head | undefined;
  #byIdentity = new Map<string, SourceRange[]>();
  #file: Remembered | undefined;
  #remembered = 0;

  readonly #worth: number;

  constructor(store: Store, folder: string | undefined, worth: number = WORTH) {
    this.#store = store;
    this.#folder = folder;
    this.#worth = worth;
  }

  /** Reads what was sealed since. Throws LOG_ALTERED (exit 1), WRITTEN_BY_NEWER, and what reading throws. */
  read(): this {
    const { at, keys } = this.#store;
    const head = readCheckpoint(at);
    if (this.#head?.note.equals(head.note) === true) return this;
    if (!checkpointSignedBy(head.note, readLogKey(keys)))
      throw altered('the checkpoint is not signed by the log key');
    this.#file ??= this.#fileOf();
    const known = this.#head ? this.#said : this.#recall();
    const isBehind = known.tree.size > 0 && known.tree.size <= head.size;
    if (!isBehind || !this.#extend(known, head)) {
      const anew = nothing();
      if (!this.#extend(anew, head)) throw altered('the entries are not those of the checkpoint');
    }
    this.#head = head;
    return this;
  }

  /** The ranges of a file, in their order. */
  rangesOf(identity: string): readonly SourceRange[] {
    return this.#byIdentity.get(identity) ?? [];
  }

  /** The file that came last under a name, whichever was read on since; undefined if there is none. */
  lastOf(name: string): string | undefined {
    return this.#said.ranges.findLast(range => range.name === name && range.from === 0)?.identity;
  }

  /** When a source of a name was first sealed. */
  since(name: string): string | undefined {
    return this.#said.since.get(name);
  }

  /** Keeps what was read for the runs to come. */
  remember(): void {
    const { tree, ranges, since } = this.#said;
    if (!this.#file || tree.size - this.#remembered < this.#worth) return;
    const frontier = tree.frontier.map(h => h.toString('hex'));
    const kept = ranges.map(r => [r.name, r.identity, r.from, r.to, r.digest] as const);
    remember(this.#file, JSON.stringify({ size: tree.size, frontier, ranges: kept, since: [...since] }));
    this.#remembered = tree.size;
  }

  /** Takes the entries behind `said`; false, and all as before, where they and it don't make the root. */
  #extend(said: Said, head: Head): boolean {
    const tree = CompactTree.of(said.tree.size, said.tree.frontier);
    const [ranges, since] = [[...said.ranges], new Map(said.since)];
    // Kinds that aren't known are refused there.
    const inventory = new Inventory(segment => segment);
    for (const note of readEntries(this.#store.at, tree.size, head.size)) {
      tree.add(leafHash(note));
      const entry = parseEntry(parseNote(note).text);
      inventory.add(entry);
      if (entry.kind !== 'segment') continue;
      for (const range of sealedSegment(entry).sources) {
        ranges.push(range);
        if (!since.has(range.name)) since.set(range.name, entry.at);
      }
    }
    if (!tree.root().equals(head.root)) return false;
    this.#said = { tree, ranges, since };
    this.#byIdentity = new Map();
    for (const range of ranges) {
      const some = this.#byIdentity.get(range.identity);
      if (some) some.push(range);
      else this.#byIdentity.set(range.identity, [range]);
    }
    return true;
  }

  #recall(): Said {
    const body = this.#file && readRemembered(this.#file);
    if (body === undefined) return nothing();
    const { size, frontier, ranges, since } = JSON.parse(body) as Kept;
    this.#remembered = size;
    return {
      tree: CompactTree.of(
        size,
        frontier.map(h => Buffer.from(h, 'hex')),
      ),
      ranges: ranges.map(([name, identity, from, to, digest]) => ({ name, identity, from, to, digest })),
      since: new Map(since),
    };
  }

  #fileOf(): Remembered | undefined {
    const [first] = readEntries(this.#store.at, 0, 1);
    if (this.#folder === undefined || !first) return undefined;
    const genesis = entryHash(first);
    return {
      folder: this.#folder,
      name: `${genesis.toString('hex')}.files`,
      form: 'slmaudit-files/1',
      genesis,
    };
  }
}

interface Kept {
  readonly size: number;
  readonly frontier: readonly string[];
  readonly ranges: readonly (readonly [string, string, number, number, string])[];
  readonly since: readonly (readonly [string, string])[];
}

const nothing = (): Said => ({ tree: new CompactTree(), ranges: [], since: new Map() });
