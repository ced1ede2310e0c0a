import { AuditError } from '../errors.ts';
import { parseDigest } from './line.ts';

/**
 * A C2SP tlog-proof: that a leaf stands at an index of the tree that a checkpoint signs.
 *
 *     c2sp.org/tlog-proof@v1
 *     extra <base64>                 optional, and proved by nothing
 *     index 17
 *     mYq3...                        hashes from the leaf to the root
 *     jL0j...
 *
 *     audit.example.com/slm          the checkpoint, a signed note
 *     38
 *     ...
 */
export interface TlogProof {
  readonly extra?: Buffer;
  readonly index: number;
  readonly hashes: readonly Buffer[];
  readonly checkpoint: string;
}

const HEADER = 'c2sp.org/tlog-proof@v1';
/** A tree of 2^53 leaves is 53 deep. */
const MOST_HASHES = 63;
/** The record's proof stands in the manifest's: a manifest, its proof, and the like of both again in base64. */
const MAX_PROOF_BYTES = 400_000;

export function formatProof({ extra, index, hashes, checkpoint }: TlogProof): string {
  const lines = [HEADER];
  if (extra) lines.push(`extra ${extra.toString('base64')}`);
  lines.push(`index ${index}`, ...hashes.map(hash => hash.toString('base64')), '', checkpoint);
  return lines.join('\n');
}

/** Canonical text only; throws PROOF_MALFORMED. */
export function parseProof(text: string): TlogProof {
  const split = text.indexOf('\n\n');
  if (split < 0 || text.length > MAX_PROOF_BYTES) throw malformed('it has no checkpoint, or is too long');
  const [header, ...lines] = text.slice(0, split).split('\n');
  if (header !== HEADER) throw malformed(`its first line is not ${HEADER}`);
  const extra = /^extra ([A-Za-z0-9+/]*={0,2})$/.exec(lines[0] ?? '')?.[1];
  if (extra !== undefined) lines.shift();
  const index = /^index (0|[1-9]\d{0,15})$/.exec(lines.shift() ?? '')?.[1];
  if (index === undefined || lines.length > MOST_HASHES)
    throw malformed('it has no index, or too many hashes');
  const proof: TlogProof = {
    ...(extra !== undefined && { extra: Buffer.from(extra, 'base64') }),
    index: Number(index),
    hashes: lines.map(line => digest(line)),
    checkpoint: text.slice(split + 2),
  };
  if (formatProof(proof) !== text) throw malformed('it is not in canonical form');
  return proof;
}

function digest(line: string): Buffer {
  try {
    return parseDigest(line, 'a hash');
  } catch {
    throw malformed('a line that is no hash');
  }
}

const malformed = (what: string): AuditError =>
  new AuditError('PROOF_MALFORMED', `that is no proof: ${what}`, {
    hint: 'name the .tlog-proof file that `slmaudit prove` wrote',
  });
