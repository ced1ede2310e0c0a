import { createHash, hash } from 'node:crypto';

const BYTES = 32;
const INDEX_BITS = 20n;
/** So many have an index of INDEX_BITS. */
export const MOST_DIGESTS = 1_000_000;

/** SHA-256 of many texts, 32 bytes each: a million strings of hex would take 250 MB. */
export class Digests {
  #bytes: Buffer = Buffer.alloc(1024 * BYTES);
  #count = 0;

  /** At most MOST_DIGESTS. */
  add(text: string): void {
    const at = this.#count * BYTES;
    if (at === this.#bytes.length)
      this.#bytes = Buffer.concat([this.#bytes, Buffer.alloc(Math.min(at, MOST_DIGESTS * BYTES - at))]);
    hash('sha256', text, 'buffer').copy(this.#bytes, at);
    this.#count++;
  }

  /** SHA-256, in hex, of the digests' hex in ascending order. */
  sortedHash(): string {
    const all = createHash('sha256');
    for (const index of this.#sorted()) all.update(this.#at(index).toString('hex'));
    return all.digest('hex');
  }

  #at(index: number): Buffer {
    return this.#bytes.subarray(index * BYTES, (index + 1) * BYTES);
  }

  /** By their first 44 bits, as numbers that have the index behind them; what is equal there, by all. */
  *#sorted(): Generator<number, void> {
    const keys = new BigUint64Array(this.#count);
    for (let i = 0; i < this.#count; i++)
      keys[i] = ((this.#bytes.readBigUInt64BE(i * BYTES) >> INDEX_BITS) << INDEX_BITS) | BigInt(i);
    keys.sort();
    for (let first = 0; first < keys.length;) {
      const equal: number[] = [];
      for (let i = first; i < keys.length && keys[i]! >> INDEX_BITS === keys[first]! >> INDEX_BITS; i++)
        equal.push(Number(BigInt.asUintN(Number(INDEX_BITS), keys[i]!)));
      first += equal.length;
      yield* equal.length > 1 ? equal.sort((a, b) => this.#at(a).compare(this.#at(b))) : equal;
    }
  }
}
