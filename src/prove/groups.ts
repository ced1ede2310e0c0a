import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { PayloadRows } from '../duck/row.ts';
import { inclusionProof, verifyInclusion } from '../merkle/proof.ts';
import { CompactTree, HASH_BYTES, leafHash } from '../merkle/tree.ts';
import { isUnwritable, makeFolder, readWhole, replaceFile } from '../store/durable.ts';
import type { GroupTask } from './grouper.ts';

/**
 * A segment's tree cut at the roots of complete subtrees of so many leaves: above them it is the tree of these roots. With them at hand a
 * proof needs the lines of one group instead of all.
 */
const GROUP = 1024;
/** Below it there is little to be spared. */
const WORTH = 16 * GROUP;
const MOST_BYTES = 1 << 28;
/** Leaves that another thread is begun for: they take it 0.4 s, and beginning it 0.1. */
const WORTH_THREAD = 128 * GROUP;
const MOST_THREADS = 4;

/** A segment's records, where they lie. */
export interface Rows {
  readonly rows: PayloadRows;
  /** Of the same file, for other threads. */
  readonly path: string;
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

const threadsFor = (records: number): number =>
  Math.min(availableParallelism(), MOST_THREADS, Math.max(1, Math.floor(records / WORTH_THREAD)));

/** Roots of all groups of a segment: this thread makes the first share, others the rest. */
export async function groupsOf(
  { rows, path, before, records }: Rows,
  threads: number = threadsFor(records),
): Promise<Buffer[]> {
  const share = Math.ceil(records / GROUP / threads) * GROUP;
  const others: Promise<Buffer[]>[] = [];
  for (let at = share; at < records; at += share) {
    const other = elsewhere({ path, from: before + at, rows: Math.min(share, records - at) });
    // What fails here first is told first.
    other.catch(() => undefined);
    others.push(other);
  }
  const own = await groupsIn(rows, before, Math.min(share, records));
  return [own, ...(await Promise.all(others))].flat();
}

function elsewhere(task: GroupTask): Promise<Buffer[]> {
  const worker = new Worker(new URL('./grouper.js', import.meta.url), { workerData: task });
  return new Promise((resolve, reject) => {
    worker.once('message', (bytes: Uint8Array) =>
      resolve(hashesIn(Buffer.from(bytes), bytes.length / HASH_BYTES)),
    );
    worker.once('error', reject);
    worker.once('exit', () => reject(new Error('a thread ended before it had answered')));
  });
}

/** Roots of the groups of so many rows; `from` is where a group begins. */
export async function groupsIn(rows: PayloadRows, from: number, count: number): Promise<Buffer[]> {
  const roots: Buffer[] = [];
  let tree = new CompactTree();
  for await (const some of rows.leaves(from, count))
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
    if (!isUnwritable(error)) throw error;
  }
}
