import { join } from 'node:path';
import type { PayloadRows } from '../duck/row.ts';
import { inclusionProof, verifyInclusion } from '../merkle/proof.ts';
import { CompactTree, HASH_BYTES, leafHash } from '../merkle/tree.ts';
import { isCode, makeFolder, readWhole, replaceFile } from '../store/durable.ts';

/**
 * A segment's tree cut at the roots of complete subtrees of so many leaves: above them it is the tree of these roots. With them at hand a
 * proof needs the lines of one group instead of all.
 */
const GROUP = 1024;
/** Below it there is little to be spared. */
const WORTH = 16 * GROUP;
const MOST_BYTES = 1 << 28;

/** A segment's records, where they lie. */
export interface Rows {
  readonly rows: PayloadRows;
  /** Rows of the file before its first. */
  readonly before: number;
  readonly records: number;
  readonly root: Buffer;
}

/**
 * The proof of one record's line in its segment; undefined where the rows don't make it. What is remembered in `folder` is not believed: a
 * proof that it makes wrong is made again from all rows.
 */
export async function proofIn(
  segment: Rows,
  row: number,
  line: Buffer,
  folder: string | undefined,
): Promise<Buffer[] | undefined> {
  const { records, root } = segment;
  const path =
    folder === undefined || records < WORTH ? undefined : join(folder, `${root.toString('hex')}.roots`);
  const isGood = (proof: readonly Buffer[]): boolean =>
    verifyInclusion(leafHash(line), row, records, proof, root);
  const known = path === undefined ? undefined : recalled(path, records);
  if (known) {
    const proof = await proofWith(segment, row, known);
    if (isGood(proof)) return proof;
  }
  const made = await groupsOf(segment);
  const proof = await proofWith(segment, row, made);
  if (!isGood(proof)) return undefined;
  if (path !== undefined) keep(folder!, path, made);
  return proof;
}

async function proofWith(
  { rows, before, records }: Rows,
  row: number,
  groups: readonly Buffer[],
): Promise<Buffer[]> {
  const group = Math.floor(row / GROUP);
  const first = group * GROUP;
  const leaves: Buffer[] = [];
  for await (const some of rows.leaves(before + first, Math.min(GROUP, records - first)))
    leaves.push(...hashesIn(some.hashes, some.rows));
  return [...inclusionProof(leaves, row - first), ...inclusionProof(groups, group)];
}

async function groupsOf({ rows, before, records }: Rows): Promise<Buffer[]> {
  const roots: Buffer[] = [];
  let tree = new CompactTree();
  for await (const some of rows.leaves(before, records))
    for (let at = 0; at < some.rows * HASH_BYTES; at += HASH_BYTES) {
      tree.add(some.hashes, at);
      if (tree.size < GROUP) continue;
      roots.push(tree.root());
      tree = new CompactTree();
    }
  return tree.size > 0 ? [...roots, tree.root()] : roots;
}

const hashesIn = (bytes: Buffer, count: number): Buffer[] =>
  Array.from({ length: count }, (_, i) => Buffer.from(bytes.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES)));

function recalled(path: string, records: number): Buffer[] | undefined {
  try {
    const bytes = readWhole(path, MOST_BYTES);
    const count = Math.ceil(records / GROUP);
    return bytes?.length === count * HASH_BYTES ? hashesIn(bytes, count) : undefined;
  } catch {
    return undefined;
  }
}

/** A home that can't be written only means that nothing is remembered. */
function keep(folder: string, path: string, roots: readonly Buffer[]): void {
  try {
    makeFolder(folder, 0o700);
    replaceFile(path, Buffer.concat(roots), 0o600);
  } catch (error) {
    if (!isCode(error, 'EACCES', 'ENOTDIR', 'EROFS', 'EPERM', 'ENOSPC', 'EDQUOT', 'ENOENT')) throw error;
  }
}
