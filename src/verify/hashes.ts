import { CompactTree, HASH_BYTES } from '../merkle/tree.ts';
import { TILE_WIDTH } from '../merkle/tile.ts';

/** What a checkpoint says of its size is checked only later. */
const MOST_EXPECTED = 1 << 20;

/** Leaf hashes of a log's entries, 32 bytes each: an array of as many buffers takes four times that. */
export class LeafHashes {
  size = 0;
  #bytes: Buffer;
  readonly #tree = new CompactTree();

  /** `expected`: how many there will be, as far as one knows. */
  constructor(expected: number) {
    this.#bytes = Buffer.alloc(Math.max(1, Math.min(expected, MOST_EXPECTED)) * HASH_BYTES);
  }

  add(hash: Buffer): void {
    if (this.size * HASH_BYTES === this.#bytes.length)
      this.#bytes = Buffer.concat([this.#bytes, Buffer.alloc(this.#bytes.length)]);
    this.#bytes.set(hash, this.size * HASH_BYTES);
    this.#tree.add(hash);
    this.size++;
  }

  root(): Buffer {
    return this.#tree.root();
  }

  /** Of the log when it had so many entries. */
  rootAt(size: number): Buffer {
    if (size === this.size) return this.root();
    const tree = new CompactTree();
    for (let i = 0; i < size; i++) tree.add(this.#bytes, i * HASH_BYTES);
    return tree.root();
  }

  /** Each by itself. */
  all(): Buffer[] {
    return Array.from({ length: this.size }, (_, i) =>
      this.#bytes.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES),
    );
  }

  /** Every level of tiles as one run of hashes, from the leaves up: those of a level are roots of the full tiles below. */
  *levels(): Generator<Buffer> {
    let below: Buffer = this.#bytes.subarray(0, this.size * HASH_BYTES);
    for (; below.length > 0; below = fullTiles(below)) yield below;
  }
}

function fullTiles(hashes: Buffer): Buffer {
  const tile = TILE_WIDTH * HASH_BYTES;
  const above = Buffer.alloc(Math.floor(hashes.length / tile) * HASH_BYTES);
  for (let i = 0; i * HASH_BYTES < above.length; i++) {
    const tree = new CompactTree();
    for (let at = 0; at < tile; at += HASH_BYTES) tree.add(hashes, i * tile + at);
    tree.root().copy(above, i * HASH_BYTES);
  }
  return above;
}
