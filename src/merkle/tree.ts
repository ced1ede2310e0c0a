import { createHash } from 'node:crypto';
import { sha256 } from '../keys/hash.ts';

/** RFC 6962 section 2.1: leaf = SHA-256(0x00 ‖ data), node = SHA-256(0x01 ‖ left ‖ right), empty = SHA-256(""). */
const LEAF = Buffer.of(0);
const NODE = Buffer.of(1);

export const EMPTY_ROOT: Buffer = sha256();

export function leafHash(data: Uint8Array): Buffer {
  return createHash('sha256').update(LEAF).update(data).digest();
}

export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  return createHash('sha256').update(NODE).update(left).update(right).digest();
}

/** A tree that only grows, held as the roots of its complete subtrees: at most one a bit of its size. */
export class CompactTree {
  size = 0;
  readonly #roots: Buffer[] = [];

  add(leaf: Buffer): void {
    let node = leaf;
    for (let rest = this.size; rest % 2 === 1; rest = (rest - 1) / 2)
      node = nodeHash(this.#roots.pop()!, node);
    this.#roots.push(node);
    this.size++;
  }

  root(): Buffer {
    if (this.size === 0) return EMPTY_ROOT;
    return this.#roots.reduceRight((right, left) => nodeHash(left, right));
  }
}

export function rootOf(leaves: Iterable<Buffer>): Buffer {
  const tree = new CompactTree();
  for (const leaf of leaves) tree.add(leaf);
  return tree.root();
}
