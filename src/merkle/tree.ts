import { digestText, sha256 } from '../keys/hash.ts';

/** RFC 6962 section 2.1: leaf = SHA-256(0x00 ‖ data), node = SHA-256(0x01 ‖ left ‖ right), empty = SHA-256(""). */

export const EMPTY_ROOT: Buffer = sha256();

export const HASH_BYTES = 32;

/** Kept, since one is hashed for every leaf. */
const node = Buffer.alloc(1 + 2 * HASH_BYTES, 1);
const SHORT = 4096;
const leaf = Buffer.alloc(1 + SHORT);

/** 32 bytes, as all hashes here. */
export function leafHash(data: Uint8Array): Buffer {
  const input = data.length > SHORT ? Buffer.alloc(1 + data.length) : leaf.subarray(0, 1 + data.length);
  input.set(data, 1);
  return Buffer.from(digestText(input), 'latin1');
}

export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  node.set(left, 1);
  node.set(right, 1 + HASH_BYTES);
  return Buffer.from(digestText(node), 'latin1');
}

/** Of any tree that there can be. */
const MOST_ROOTS = 64;

/**
 * A tree that only grows, held as the roots of its complete subtrees: at most one a bit of its size. They lie behind one another,
 * the largest first, so that the two to be joined next stand as they are hashed.
 */
export class CompactTree {
  size = 0;
  readonly #bytes = Buffer.alloc(1 + MOST_ROOTS * HASH_BYTES);
  readonly #roots = this.#bytes.subarray(1);
  /** Each two of them that follow each other, and the byte before. */
  readonly #pairs: Buffer[] = [];
  #end = 0;

  /** The tree whose `frontier` that was. */
  static of(size: number, frontier: readonly Buffer[]): CompactTree {
    const tree = new CompactTree();
    tree.size = size;
    for (const root of frontier) tree.#push(root, 0);
    return tree;
  }

  /** The roots of its complete subtrees, the largest first. */
  get frontier(): readonly Buffer[] {
    return Array.from({ length: this.#end / HASH_BYTES }, (_, i) =>
      Buffer.from(this.#roots.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES)),
    );
  }

  /** The 32 bytes of `leaves` at `from`. */
  add(leaves: Uint8Array, from = 0): void {
    this.#push(leaves, from);
    for (let rest = this.size; rest % 2 === 1; rest = (rest - 1) / 2) {
      this.#end -= HASH_BYTES;
      const left = this.#end - HASH_BYTES;
      this.#roots.write(this.#joined(left), left, 'latin1');
    }
    this.size++;
  }

  root(): Buffer {
    if (this.size === 0) return EMPTY_ROOT;
    return this.frontier.reduceRight((right, left) => nodeHash(left, right));
  }

  /** Of the two at `left`, hashed where they are: the byte before them is lent for it. */
  #joined(left: number): string {
    const pair = (this.#pairs[left / HASH_BYTES] ??= this.#bytes.subarray(left, left + node.length));
    const lent = pair[0]!;
    pair[0] = 1;
    const digest = digestText(pair);
    pair[0] = lent;
    return digest;
  }

  /** Byte for byte: a view of 32 of them takes longer. */
  #push(hashes: Uint8Array, from: number): void {
    for (let i = 0; i < HASH_BYTES; i++) this.#roots[this.#end + i] = hashes[from + i]!;
    this.#end += HASH_BYTES;
  }
}

/** The root of a tree of these leaf hashes; that of the empty one for none. */
export function rootOf(leaves: Iterable<Buffer>): Buffer {
  const tree = new CompactTree();
  for (const one of leaves) tree.add(one);
  return tree.root();
}
