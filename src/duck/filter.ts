import { hash } from 'node:crypto';
import type { DuckDBConnection } from '@duckdb/node-api';
import { columnOf } from '../record/schema.ts';
import { quote } from './engine.ts';

/**
 * Which users, addresses, keys and prompts a payload surely doesn't hold: a Bloom filter over `<column>=<value as views show it>`,
 * made from the payload alone and kept outside the store. 10 bits a distinct value and four places: about 1.2 % of the
 * payloads that hold none are read in vain. Place i is bytes 6i..6i+5 of SHA-256, big-endian, modulo the number of bits.
 */
export const FILTERED: readonly string[] = [
  'user_id',
  'client_ip',
  'api_key_id',
  'prompt_hash',
  'last_user_hash',
];

const BITS = 10;
const PLACES = 4;

/** Of one payload, by a name under which the engine may open it. */
export async function makeFilter(db: DuckDBConnection, file: string): Promise<Buffer> {
  const keys = FILTERED.map(c => {
    const shown = columnOf(c)!.type === 'hash' ? `lower(hex("${c}"))` : `"${c}"`;
    return `SELECT '${c}=' || ${shown} AS k FROM (SELECT DISTINCT "${c}" FROM read_parquet(${quote(file)}, hive_partitioning = false))`;
  });
  const result = await db.run(`SELECT substr(sha256(k), 1, ${PLACES * 12}) FROM (${keys.join(' UNION ALL ')})
    WHERE k IS NOT NULL`);
  const hashes: string[] = [];
  for (let chunk = await result.fetchChunk(); chunk && chunk.rowCount > 0; chunk = await result.fetchChunk())
    for (const value of chunk.getColumnValues(0)) hashes.push(String(value));
  const bits = Buffer.alloc(Math.max(8, Math.ceil((hashes.length * BITS) / 8)));
  for (const h of hashes)
    for (const place of placesOf(h, bits.length * 8)) bits[place >> 3]! |= 1 << (place & 7);
  return bits;
}

/** False: no record of that payload has this value. */
export function filterHas(bits: Buffer, column: string, value: string): boolean {
  const places = placesOf(hash('sha256', `${column}=${value}`), bits.length * 8);
  return places.every(place => (bits[place >> 3]! & (1 << (place & 7))) !== 0);
}

function placesOf(hex: string, count: number): number[] {
  return Array.from({ length: PLACES }, (_, i) => parseInt(hex.slice(i * 12, i * 12 + 12), 16) % count);
}
