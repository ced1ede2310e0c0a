import { nodeHash, rootOf } from './tree.ts';

/**
 * Proofs of RFC 6962 section 2.1, made from leaf hashes and checked from roots alone (RFC 9162 section 2.1.3.2 and
 * 2.1.4.2). All hashes are 32 bytes.
 */
export function inclusionProof(leaves: readonly Buffer[], index: number): Buffer[] {
  if (leaves.length <= 1) return [];
  const k = split(leaves.length);
  return index < k
    ? [...inclusionProof(leaves.slice(0, k), index), rootOf(leaves.slice(k))]
    : [...inclusionProof(leaves.slice(k), index - k), rootOf(leaves.slice(0, k))];
}

/** That the tree of these leaves extends the one of the first `oldSize`, 1 at least, of them. */
export function consistencyProof(leaves: readonly Buffer[], oldSize: number): Buffer[] {
  return subproof(leaves, oldSize, true);
}

function subproof(leaves: readonly Buffer[], oldSize: number, whole: boolean): Buffer[] {
  if (oldSize === leaves.length) return whole ? [] : [rootOf(leaves)];
  const k = split(leaves.length);
  return oldSize <= k
    ? [...subproof(leaves.slice(0, k), oldSize, whole), rootOf(leaves.slice(k))]
    : [...subproof(leaves.slice(k), oldSize - k, false), rootOf(leaves.slice(0, k))];
}

/** The largest power of two below n. */
export function split(n: number): number {
  let k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}

/** Is `leaf` the one at `index` of the tree of `size` leaves with this root? */
export function verifyInclusion(
  leaf: Buffer,
  index: number,
  size: number,
  proof: readonly Buffer[],
  root: Buffer,
): boolean {
  if (index < 0 || index >= size) return false;
  let [at, last, node] = [index, size - 1, leaf];
  for (const hash of proof) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      node = nodeHash(hash, node);
      while (at % 2 === 0 && at !== 0) [at, last] = [half(at), half(last)];
    } else {
      node = nodeHash(node, hash);
    }
    [at, last] = [half(at), half(last)];
  }
  return last === 0 && node.equals(root);
}

/** Is the tree of `size` leaves with `root` an extension of the one of `oldSize` leaves with `oldRoot`? */
export function verifyConsistency(
  oldSize: number,
  size: number,
  proof: readonly Buffer[],
  oldRoot: Buffer,
  root: Buffer,
): boolean {
  if (oldSize < 1 || oldSize > size) return false;
  if (oldSize === size) return proof.length === 0 && oldRoot.equals(root);
  let [at, last] = [oldSize - 1, size - 1];
  while (at % 2 === 1) [at, last] = [half(at), half(last)];
  const path = at === 0 ? [oldRoot, ...proof] : [...proof];
  const first = path.shift();
  if (!first) return false;
  let [older, newer] = [first, first];
  for (const hash of path) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      older = nodeHash(hash, older);
      newer = nodeHash(hash, newer);
      while (at % 2 === 0 && at !== 0) [at, last] = [half(at), half(last)];
    } else {
      newer = nodeHash(newer, hash);
    }
    [at, last] = [half(at), half(last)];
  }
  return last === 0 && older.equals(oldRoot) && newer.equals(root);
}

const half = (n: number): number => Math.floor(n / 2);
