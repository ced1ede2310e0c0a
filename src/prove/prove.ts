import { AuditError } from '../errors.ts';
import { findEvent, readRow } from '../duck/row.ts';
import { formatProof } from '../log/proof.ts';
import { inclusionProof } from '../merkle/proof.ts';
import { leafHash, rootOf } from '../merkle/tree.ts';
import type { SealedSegment } from '../log/inventory.ts';
import { readHistory } from '../store/history.ts';
import { payloadPath } from '../store/layout.ts';
import { readEntries } from '../store/log.ts';
import { digestFile, localPin, type Store } from '../store/store.ts';

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
 * Proves one record, named by its event id or its seq. Throws NO_SUCH_RECORD, PAYLOAD_ALTERED (exit 1), and what
 * reading the log throws.
 */
export async function prove(store: Store, name: string): Promise<Proved> {
  const { at } = store;
  const pin = localPin(store);
  const { segments, head } = readHistory(at, pin);
  const { segment, row } = /^\d+$/.test(name)
    ? bySeq(segments, Number(name))
    : await byId(store, segments, name);
  const path = payloadPath(at, segment.segment, segment.at);
  const digest = await digestFile(path);
  if (digest?.sha256 !== segment.payload!.sha256) throw altered(segment, path);
  const { line, eventId, leaves } = await readRow(path, row);
  if (!rootOf(leaves).equals(segment.root)) throw altered(segment, path);

  const hashes: Buffer[] = [];
  let manifest = Buffer.alloc(0);
  for (const note of readEntries(at, 0, head.size)) {
    if (hashes.length === segment.entry) manifest = Buffer.from(note);
    hashes.push(leafHash(note));
  }
  const inner = formatProof({
    index: row,
    hashes: inclusionProof(leaves, row),
    checkpoint: manifest.toString('utf8'),
  });
  const proof = formatProof({
    extra: Buffer.from(inner, 'utf8'),
    index: segment.entry,
    hashes: inclusionProof(hashes, segment.entry),
    checkpoint: Buffer.from(head.note).toString('utf8'),
  });
  return { eventId, seq: segment.first + row, segment: segment.segment, entry: segment.entry, line, proof };
}

interface Found {
  readonly segment: SealedSegment;
  readonly row: number;
}

function bySeq(segments: readonly SealedSegment[], seq: number): Found {
  const segment = segments.find(s => seq >= s.first && seq < s.first + s.records);
  if (!segment) throw noSuchRecord(String(seq));
  return { segment, row: seq - segment.first };
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Where a payload says the id stands; its digest is checked before anything is made of it. */
async function byId({ at }: Store, segments: readonly SealedSegment[], id: string): Promise<Found> {
  if (!UUID.test(id)) throw noSuchRecord(id);
  const filled = segments.filter(s => s.payload);
  const found = await findEvent(
    filled.map(s => payloadPath(at, s.segment, s.at)),
    id.replaceAll('-', ''),
  );
  if (!found) throw noSuchRecord(id);
  return { segment: filled[found.file]!, row: found.row };
}

const noSuchRecord = (name: string): AuditError =>
  new AuditError('NO_SUCH_RECORD', `no sealed record is called ${name.slice(0, 60)}`, {
    hint: 'give an event id or a seq as `slmaudit query` prints them; records of an open segment can be proved once they are sealed',
  });

const altered = (segment: SealedSegment, path: string): AuditError =>
  new AuditError(
    'PAYLOAD_ALTERED',
    `the records of segment ${segment.segment} are not those that were sealed: ${path}`,
    {
      exit: 1,
      hint: 'run `slmaudit verify`: it lists all that was altered',
    },
  );
