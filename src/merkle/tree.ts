import { hash } from 'node:crypto';
import { sha256 } from '../keys/hash.ts';

/** RFC 6962 section 2.1: leaf = SHA-256(0x00 ‖ data), node = SHA-256(0x01 ‖ left ‖ right), empty = SHA-256(""). */

export const EMPTY_ROOT: Buffer = sha256();

export function leafHash(data: Uint8Array): Buffer {
  const input = Buffer.allocUnsafe(data.length + 1);
  input[0] = 0;
  input.set(data, 1);
  return hash('sha256', input, 'buffer');
}

/** Kept, since one is hashed for every leaf: a third faster than a new one each time. */
const node = Buffer.alloc(65, 1);

export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  node.set(left, 1);
  node.set(right, 33);
  return hash('sha256', node, 'buffer');
}

/** A tree that only grows, held as the roots of its complete subtrees: at most one a bit of its size. */
export class CompactTree {
  size = 0;
  readonly #roots: Buffer[] = [];

  /** The tree whose `frontier` that was. */
  static of(size: number, frontier: readonly Buffer[]): CompactTree {
    const tree = new CompactTree();
    tree.size = size;
    tree.#roots.push(...frontier);
    return tree;
  }

  /** The roots of its complete subtrees, the largest first. */
  get frontier(): readonly Buffer[] {
    return this.#roots;
  }

  add(leaf: Buffer): void {
    let root = leaf;
    for (let rest = this.size; rest % 2 === 1; rest = (rest - 1) / 2)
      root = nodeHash(this.#roots.pop()!, root);
    this.#roots.push(root);
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
