import { AuditError } from '../errors.ts';
import { findEvent, withRows } from '../duck/row.ts';
import type { Inventory as InventoryOf, PayloadFile } from '../log/inventory.ts';
import { formatProof } from '../log/proof.ts';
import { verifyInclusion } from '../merkle/proof.ts';
import { proofFromTiles } from '../merkle/tile.ts';
import { leafHash } from '../merkle/tree.ts';
import { altered as logAltered } from '../store/history.ts';
import { isCode } from '../store/durable.ts';
import { type PlacedSegment, placeSegments, writeKnown } from '../store/known.ts';
import { type Layout, recordsPath } from '../store/layout.ts';
import { readEntries, readTile } from '../store/log.ts';
import { whileMoving } from '../store/moving.ts';
import { digestFile, localPin, type Store } from '../store/store.ts';
import { proofIn } from './groups.ts';

type Inventory = InventoryOf<PlacedSegment>;

/** A record and what shows that it is in the log: nobody needs the store to check them. */
export interface Proved {
  readonly eventId: string;
  readonly seq: number;
  readonly segment: number;
  readonly entry: number;
  /** The canonical line, without a line feed. */
  readonly line: string;
  /** The manifest's proof in the log; the record's proof in the manifest is its `extra` (SPEC 12). */
  readonly proof: string;
}

/**
 * Proves one record, named by its event id or its seq. `known`: folder outside the store in which this host remembers what it read of logs
 * and segments. Throws NO_SUCH_RECORD, PAYLOAD_ALTERED or PAYLOAD_MISSING (exit 1), and what reading the log throws.
 */
export function prove(store: Store, name: string, known?: string): Promise<Proved> {
  return whileMoving(store.at, () => proveOnce(store, name, known), isMoved);
}

/** A file that was joined, redacted or pruned meanwhile lies elsewhere, or is another one under its name. */
const isMoved = (error: unknown): boolean =>
  isCode(error, 'ENOENT') ||
  (error instanceof AuditError && /^PAYLOAD_(?:ALTERED|MISSING)$/.test(error.code));

async function proveOnce(store: Store, name: string, known: string | undefined): Promise<Proved> {
  const { at } = store;
  const placed = placeSegments(at, localPin(store), known);
  const { inventory, head } = placed;
  const { segment, row } = /^\d+$/.test(name)
    ? bySeq(inventory, Number(name))
    : await byId(store, inventory, name);
  const file = inventory.files.get(segment.segment);
  if (!file) throw deleted(segment, inventory);
  const path = pathOf(at, inventory, file);
  const digest = await digestFile(path, file.bytes);
  if (!digest) throw missing(segment, path);
  if (digest.sha256 !== file.sha256) throw altered(segment, path);
  const before = rowsBefore(inventory, file, segment);
  if (isRedacted(inventory, segment, row)) throw redacted(segment, row);
  const { line, eventId, hashes } = await withRows(path, async rows => {
    const found = await rows.line(before + row);
    const root = Buffer.from(segment.root, 'hex');
    const all = { rows, path, before, records: segment.records, root };
    // A file that was restated is worth what its roots are worth.
    const made = await proofIn(all, row, Buffer.from(found.line, 'utf8'), known);
    if (!made) throw altered(segment, path);
    return { ...found, hashes: made };
  });

  const [manifest] = readEntries(at, segment.entry, segment.entry + 1);
  const outer = proofFromTiles(head.size, segment.entry, (level, index, width) =>
    readTile(at, level, index, width),
  );
  if (!verifyInclusion(leafHash(manifest!), segment.entry, head.size, outer, head.root))
    throw logAltered('the tiles do not make the root of the checkpoint');
  if (known !== undefined && placed.log !== placed.known.log)
    writeKnown(known, placed.genesis, { ...placed.known, log: placed.log });
  const inner = formatProof({ index: row, hashes, checkpoint: manifest!.toString('utf8') });
  const proof = formatProof({
    extra: Buffer.from(inner, 'utf8'),
    index: segment.entry,
    hashes: outer,
    checkpoint: Buffer.from(head.note).toString('utf8'),
  });
  return { eventId, seq: segment.first + row, segment: segment.segment, entry: segment.entry, line, proof };
}

interface Found {
  readonly segment: PlacedSegment;
  readonly row: number;
}

function bySeq({ segments }: Inventory, seq: number): Found {
  const segment = segments.find(s => seq >= s.first && seq < s.first + s.records);
  if (!segment) throw noSuchRecord(String(seq));
  return { segment, row: seq - segment.first };
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Where a payload says the id stands; its digest is checked before anything is made of it. */
async function byId({ at }: Store, inventory: Inventory, id: string): Promise<Found> {
  if (!UUID.test(id)) throw noSuchRecord(id);
  const files = inventory.payloadFiles();
  const found = await findEvent(
    files.map(file => pathOf(at, inventory, file)),
    id.replaceAll('-', ''),
  );
  if (!found) throw noSuchRecord(id);
  const file = files[found.file]!;
  const segment = file.segments
    .map(n => inventory.get(n)!)
    .findLast(s => rowsBefore(inventory, file, s) <= found.row)!;
  return { segment, row: found.row - rowsBefore(inventory, file, segment) };
}

const pathOf = (at: Layout, inventory: Inventory, file: PayloadFile): string =>
  recordsPath(at, file, inventory.get(file.segments[0]!)!.at);

/** Rows of a file before a segment's. */
function rowsBefore(inventory: Inventory, { segments }: PayloadFile, { segment }: PlacedSegment): number {
  return segments.slice(0, segments.indexOf(segment)).reduce((sum, n) => sum + inventory.get(n)!.records, 0);
}

const isRedacted = ({ redacted: ranges }: Inventory, { segment }: PlacedSegment, row: number): boolean =>
  (ranges.get(segment) ?? []).some(([from, to]) => row >= from && row <= to);

const noSuchRecord = (name: string): AuditError =>
  new AuditError('NO_SUCH_RECORD', `no sealed record is called ${name.slice(0, 60)}`, {
    hint: 'give an event id or a seq as `slmaudit query` prints them; records of an open segment can be proved once they are sealed',
  });

const deleted = ({ segment }: PlacedSegment, { pruned }: Inventory): AuditError =>
  new AuditError(
    'RECORD_DELETED',
    `the records of segment ${segment} were deleted, as entry ${pruned.get(segment)} says`,
    {
      hint: 'a proof that was written before still holds: `slmaudit verify --proof`',
    },
  );

const redacted = ({ segment }: PlacedSegment, row: number): AuditError =>
  new AuditError(
    'RECORD_REDACTED',
    `row ${row} of segment ${segment} was redacted: only its leaf hash is left`,
    {
      hint: 'a proof that was written before still holds, with its line',
    },
  );

const TAMPERED = { exit: 1, hint: 'run `slmaudit verify`: it lists all that was altered' } as const;

const altered = ({ segment }: PlacedSegment, path: string): AuditError =>
  new AuditError(
    'PAYLOAD_ALTERED',
    `the records of segment ${segment} are not those that were sealed: ${path}`,
    TAMPERED,
  );

const missing = ({ segment }: PlacedSegment, path: string): AuditError =>
  new AuditError('PAYLOAD_MISSING', `the records of segment ${segment} are missing: ${path}`, TAMPERED);
