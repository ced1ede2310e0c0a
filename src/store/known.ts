import { AuditError } from '../errors.ts';
import { checkpointSignedBy } from '../log/checkpoint.ts';
import { entryHash, parseEntry } from '../log/entry.ts';
import { parseGenesis } from '../log/genesis.ts';
import { Inventory, type SealedSegment, type Snapshot } from '../log/inventory.ts';
import type { Pin } from '../log/pin.ts';
import { CompactTree, leafHash } from '../merkle/tree.ts';
import { parseNote } from '../note/note.ts';
import { altered } from './history.ts';
import type { Layout } from './layout.ts';
import { type Head, readCheckpoint, readEntries } from './log.ts';
import { readRemembered, remember, type Remembered } from './remembered.ts';

/**
 * What readers of this host have verified and need not verify again (SPEC 9): the table of segments under a root,
 * and which files had which digests. One file a log, named by the hash of genesis (remembered.ts).
 */
export interface Known {
  readonly log?: KnownLog;
  /** By SHA-256 of a payload, in hex. */
  readonly payloads: ReadonlyMap<string, KnownPayload>;
}

export interface KnownLog {
  readonly size: number;
  /** Lower-case hex: the roots of complete subtrees that the root is made of. */
  readonly frontier: readonly string[];
  readonly inventory: Snapshot<PlacedSegment>;
}

/** A segment, as far as one must know it to find, check and read its payload. */
export type PlacedSegment = Pick<
  SealedSegment,
  'segment' | 'class' | 'first' | 'batch' | 'span' | 'payload' | 'entry' | 'at' | 'records'
> & {
  /** Lower-case hex. */
  readonly root: string;
};

export interface KnownPayload {
  /** What fileIdentity() said when its bytes had this digest. */
  readonly identity: string;
  /** When they were read, milliseconds since 1970. */
  readonly at: number;
  /** Base64 of its filter (src/duck/filter.ts). */
  readonly filter?: string;
  /** Of a file that was restated: which segments' roots its rows were seen to make (src/duck/reading.ts). */
  readonly proved?: string;
}

/** Genesis, head and segments. */
export interface Placed {
  readonly head: Head;
  /** Hash of genesis. */
  readonly genesis: Buffer;
  readonly inventory: Inventory<PlacedSegment>;
  readonly known: Known;
  readonly log: KnownLog;
}

/**
 * The segments of a log as readHistory() finds them, but only entries behind the root that is known already are read.
 * `folder`: where it is remembered; nothing is, if not given. Throws what readHistory() throws, and LOG_ALTERED for a log that is
 * shorter than it was, or another. `anew`: all entries are read; of what is remembered only the tree counts.
 */
export function placeSegments(
  at: Layout,
  pin: Pin | undefined,
  folder: string | undefined,
  anew = false,
): Placed {
  const early = readCheckpoint(at);
  const [first] = readEntries(at, 0, Math.min(1, early.size));
  if (!first) throw altered('the log is empty');
  const genesis = entryHash(first);
  const known = folder === undefined ? NOTHING : readKnown(folder, genesis);
  // Whoever remembered more entries than that has seen them under a checkpoint: it is there by now, or the log was rolled back.
  const seen = known.log?.size ?? 0;
  const head = early.size < seen ? readCheckpoint(at) : early;
  if (head.size < seen)
    throw altered(`the log has ${head.size} entries, and had ${seen} when it was read here before`);
  if (pin && !pin.genesis.equals(genesis)) throw altered('genesis is not the one of the pin');
  const logKey = pin?.logKey ?? parseGenesis(parseEntry(parseNote(first).text)).logKey;
  if (!checkpointSignedBy(head.note, logKey)) throw altered('the checkpoint is not signed by the log key');
  const found = extended(at, head, anew ? undefined : known.log, known.log);
  if (found) return { head, genesis, known, ...found };
  if (known.log && extended(at, head, undefined))
    throw altered('the log is not the one that was read here before, gone on');
  throw altered('the entries are not those of the checkpoint');
}

/**
 * Undefined where `known` and the entries behind it don't make the root of the checkpoint, or where the tree isn't that of
 * `through` at its size.
 */
function extended(
  at: Layout,
  head: Head,
  known: KnownLog | undefined,
  through?: KnownLog,
): Pick<Placed, 'inventory' | 'log'> | undefined {
  const tree = CompactTree.of(
    known?.size ?? 0,
    (known?.frontier ?? []).map(h => Buffer.from(h, 'hex')),
  );
  const inventory = new Inventory(placed, known?.inventory);
  const frontier = (): readonly string[] => tree.frontier.map(h => h.toString('hex'));
  const isAnother = (): boolean =>
    tree.size === through?.size && frontier().join() !== through.frontier.join();
  for (const note of readEntries(at, tree.size, head.size)) {
    inventory.add(parseEntry(parseNote(note).text));
    tree.add(leafHash(note));
    if (isAnother()) return undefined;
  }
  if (!tree.root().equals(head.root)) return undefined;
  if (known?.size === tree.size) return { inventory, log: known };
  return { inventory, log: { size: tree.size, frontier: frontier(), inventory: inventory.snapshot() } };
}

function placed(sealed: SealedSegment): PlacedSegment {
  const { segment, class: name, first, batch, span, payload, entry, at, records, root } = sealed;
  const place = { segment, class: name, first, batch, entry, at, records, root: root.toString('hex') };
  return { ...place, ...(span && { span }), ...(payload && { payload }) };
}

const NOTHING: Known = { payloads: new Map() };
const FORM = 'slmaudit-known/2';

const knownFile = (folder: string, genesis: Buffer): Remembered => ({
  folder,
  name: genesis.toString('hex'),
  form: FORM,
  genesis,
});

export function readKnown(folder: string, genesis: Buffer): Known {
  const body = readRemembered(knownFile(folder, genesis));
  if (body === undefined) return NOTHING;
  const { log, payloads } = JSON.parse(body) as { log?: KnownLog; payloads: [string, KnownPayload][] };
  return { ...(log && { log }), payloads: new Map(payloads) };
}

export const writeKnown = (folder: string, genesis: Buffer, known: Known): void =>
  remember(knownFile(folder, genesis), JSON.stringify({ log: known.log, payloads: [...known.payloads] }));

/** The segments that a log's entries tell of, up to where they can't be read; for answers that say that nothing was proved. */
export function unprovedSegments(at: Layout): Placed {
  const head = readCheckpoint(at);
  const inventory = new Inventory(placed);
  let genesis = Buffer.alloc(32);
  try {
    for (const note of readEntries(at, 0, head.size)) {
      const entry = parseEntry(parseNote(note).text);
      if (entry.index === 0) genesis = Buffer.from(entryHash(note));
      inventory.add(entry);
    }
  } catch (error) {
    if (!(error instanceof AuditError)) throw error;
  }
  return {
    head,
    genesis,
    inventory,
    known: NOTHING,
    log: { size: 0, frontier: [], inventory: inventory.snapshot() },
  };
}
