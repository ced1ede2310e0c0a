import { existsSync } from 'node:fs';
import { quote, withEngine, withFile } from './engine.ts';
import { HASH_BYTES } from '../merkle/tree.ts';
import { leavesOf } from './leaves.ts';
import { selectLines, uuidText } from './lines.ts';

/** One row of a payload, and the leaf hashes of all. */
export interface Row {
  readonly eventId: string;
  readonly line: string;
  readonly leaves: readonly Buffer[];
}

/** Throws what DuckDB throws. */
export function readRow(path: string, row: number): Promise<Row> {
  return withEngine({ memory: '512MB' }, db =>
    withFile(path, async name => {
      const from = `read_parquet(${quote(name)}, hive_partitioning = false, file_row_number = true)`;
      const leaves: Buffer[] = [];
      for await (const { rows: some, hashes } of leavesOf(db, from))
        for (let at = 0; at < some * HASH_BYTES; at += HASH_BYTES)
          leaves.push(Buffer.from(hashes.subarray(at, at + HASH_BYTES)));
      const one = `(SELECT * FROM ${from} WHERE file_row_number = ${row})`;
      // As hex: the binding drops a byte order mark at the beginning of a text.
      const found = await db.runAndReadAll(
        `SELECT hex(encode(line)), id FROM (${selectLines(`${uuidText('event_id')} AS id`, one)})`,
      );
      const [line, eventId] = found.getRows()[0]!.map(String);
      return { line: Buffer.from(line!, 'hex').toString('utf8'), eventId: eventId!, leaves };
    }),
  );
}

/** Files that are opened at once. */
const AT_ONCE = 500;

/** The file and row that say to hold an event id (32 hex digits); files that are missing or no Parquet are passed over. */
export async function findEvent(
  paths: readonly string[],
  id: string,
): Promise<{ readonly file: number; readonly row: number } | undefined> {
  return withEngine({ memory: '512MB' }, async db => {
    for (let first = 0; first < paths.length; first += AT_ONCE) {
      const some = paths.slice(first, first + AT_ONCE).filter(path => existsSync(path));
      if (some.length === 0) continue;
      const files = `[${some.map(quote).join(', ')}]`;
      const found = await db.runAndReadAll(
        `SELECT filename, file_row_number FROM read_parquet(${files}, hive_partitioning = false, filename = true, file_row_number = true)
         WHERE event_id = unhex(${quote(id)}) LIMIT 1`,
      );
      const [row] = found.getRows();
      if (row) return { file: paths.indexOf(String(row[0])), row: Number(row[1]) };
    }
    return undefined;
  });
}
