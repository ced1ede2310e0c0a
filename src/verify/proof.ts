import { AuditError } from '../errors.ts';
import { type Checkpoint, checkpointSignedBy, parseCheckpoint } from '../log/checkpoint.ts';
import { type Entry, parseEntry } from '../log/entry.ts';
import type { Pin } from '../log/pin.ts';
import { parseProof, type TlogProof } from '../log/proof.ts';
import { parseSegment, type Segment } from '../log/segment.ts';
import { verifyInclusion } from '../merkle/proof.ts';
import { leafHash } from '../merkle/tree.ts';
import { parseNote } from '../note/note.ts';

/** What a proof shows of a line, or why it shows nothing. */
export type ProofResult =
  | {
      readonly good: true;
      readonly origin: string;
      readonly seq: number;
      readonly segment: number;
      /** Time of sealing. */
      readonly sealedAt: string;
      /** Entries of the log that the checkpoint signs. */
      readonly size: number;
    }
  | { readonly good: false; readonly code: ProofFault; readonly why: string };

export type ProofFault =
  | 'PROOF_MALFORMED'
  | 'PROOF_OF_ANOTHER_LOG'
  | 'PROOF_SIGNATURE'
  | 'PROOF_MANIFEST'
  | 'PROOF_RECORD'
  | 'WRITTEN_BY_NEWER';

/** These say that nothing could be checked, not that what was sealed was altered. */
const UNCHECKED: ReadonlySet<ProofFault> = new Set([
  'PROOF_MALFORMED',
  'PROOF_OF_ANOTHER_LOG',
  'WRITTEN_BY_NEWER',
]);

/** As `verify` answers: 0 proved, 1 not so, 2 could not be checked. */
export const proofExit = (result: ProofResult): number =>
  result.good ? 0 : UNCHECKED.has(result.code) ? 2 : 1;

/**
 * Checks with the pin alone that a record's line was sealed (SPEC 12): the log key signs a checkpoint, in it stands the
 * manifest, in that the line.
 */
export function verifyProof(line: Buffer, text: string, pin: Pin): ProofResult {
  try {
    return checked(line, text, pin);
  } catch (error) {
    if (!(error instanceof AuditError)) throw error;
    return bad(error.code === 'WRITTEN_BY_NEWER' ? error.code : 'PROOF_MALFORMED', error.message);
  }
}

function checked(line: Buffer, text: string, { logKey }: Pin): ProofResult {
  const outer = parseProof(text);
  const inner = parseProof((outer.extra ?? Buffer.alloc(0)).toString('utf8'));
  const head = parseCheckpoint(outer.checkpoint);
  if (head.origin !== logKey.name)
    return bad('PROOF_OF_ANOTHER_LOG', `it is of ${head.origin}, the pin of ${logKey.name}`);
  if (!checkpointSignedBy(outer.checkpoint, logKey))
    return bad('PROOF_SIGNATURE', 'the checkpoint is not signed by the log key of the pin');
  if (!stands(Buffer.from(inner.checkpoint, 'utf8'), outer, head.size, head.root))
    return bad('PROOF_MANIFEST', 'the manifest does not stand in the log');
  return inManifest(line, outer, inner, head);
}

/** The manifest stands in the log: whatever is wrong with it was signed so, unless a newer program did. */
function inManifest(line: Buffer, outer: TlogProof, inner: TlogProof, head: Checkpoint): ProofResult {
  let entry: Entry;
  let manifest: Segment;
  try {
    entry = parseEntry(parseNote(inner.checkpoint).text);
    manifest = parseSegment(entry);
  } catch (error) {
    if (!(error instanceof AuditError) || error.code === 'WRITTEN_BY_NEWER') throw error;
    return bad('PROOF_MANIFEST', error.message);
  }
  if (entry.origin !== head.origin || entry.index !== outer.index || !entry.records)
    return bad('PROOF_MANIFEST', 'the manifest states another place than its own');
  if (!stands(line, inner, entry.records.count, entry.records.root))
    return bad('PROOF_RECORD', 'the line is not the record that was sealed there');
  return {
    good: true,
    origin: head.origin,
    seq: manifest.first + inner.index,
    segment: manifest.segment,
    sealedAt: entry.at,
    size: head.size,
  };
}

const stands = (data: Buffer, { index, hashes }: TlogProof, size: number, root: Buffer): boolean =>
  verifyInclusion(leafHash(data), index, size, hashes, root);

const bad = (code: ProofFault, why: string): ProofResult => ({ good: false, code, why });
