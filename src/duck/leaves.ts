import type { DuckDBBlobVector, DuckDBConnection, DuckDBDataChunk } from '@duckdb/node-api';
import { digestText } from '../keys/hash.ts';
import { HASH_BYTES } from '../merkle/tree.ts';
import { REDACTED_LEAF } from '../record/schema.ts';
import { selectTails } from './lines.ts';

/** Some rows of a payload, in its order. */
export interface Leaves {
  readonly rows: number;
  /** RFC 6962 leaf hashes, 32 bytes a row; a redacted row states its own. Valid until the next ones are asked for. */
  readonly hashes: Buffer;
  /** `ts` in microseconds since 1970; null of a redacted row. */
  readonly micros: readonly (number | null)[];
  /** Which of them are redacted, counted from 0. */
  readonly redacted: readonly number[];
}

const BRACE = 0x7b;

/**
 * The leaf hashes of all rows of `from`. The engine spells the lines, and node:crypto hashes them while the engine spells the next ones:
 * 1.3 µs a row against 4 µs for the engine's own SHA-256, which uses no instructions of the processor for it. Throws what DuckDB throws,
 * and for a row whose leaf is of another length.
 */
export async function* leavesOf(db: DuckDBConnection, from: string): AsyncGenerator<Leaves> {
  const result = await db.stream(
    `SELECT encode(tail), "${REDACTED_LEAF}", epoch_us(ts)::DOUBLE FROM (${selectTails(`"${REDACTED_LEAF}", ts`, from)})`,
  );
  const hasher = new Hasher();
  let chunk = await result.fetchChunk();
  while (chunk && chunk.rowCount > 0) {
    const next = result.fetchChunk();
    // Whoever stops early does not hear of it.
    next.catch(() => undefined);
    yield hasher.hashed(chunk);
    chunk = await next;
  }
}

class Hasher {
  #message = Buffer.alloc(8192);
  #hashes = Buffer.alloc(0);

  hashed(chunk: DuckDBDataChunk): Leaves {
    const rows = chunk.rowCount;
    if (this.#hashes.length < rows * HASH_BYTES) this.#hashes = Buffer.alloc(rows * HASH_BYTES);
    const tails = chunk.getColumnVector(0) as DuckDBBlobVector;
    const stated = chunk.getColumnVector(1) as DuckDBBlobVector;
    const redacted: number[] = [];
    for (let row = 0; row < rows; row++) {
      const leaf = stated.getItemBytes(row);
      if (leaf) {
        this.#state(leaf, row);
        redacted.push(row);
      } else this.#hashes.write(this.#digest(tails.getItemBytes(row)!), row * HASH_BYTES, 'latin1');
    }
    return { rows, hashes: this.#hashes, micros: chunk.getColumnValues(2) as (number | null)[], redacted };
  }

  #state(leaf: Uint8Array, row: number): void {
    if (leaf.length !== HASH_BYTES) throw new Error('what stands for a redacted row is no leaf hash');
    this.#hashes.set(leaf, row * HASH_BYTES);
  }

  /** Of 0x00 ‖ line. */
  #digest(tail: Uint8Array): string {
    const end = tail.length + 1;
    if (end > this.#message.length) this.#message = Buffer.alloc(2 * end);
    this.#message.set(tail, 1);
    this.#message[1] = BRACE;
    return digestText(this.#message.subarray(0, end));
  }
}
