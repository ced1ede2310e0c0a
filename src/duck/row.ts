import { existsSync } from 'node:fs';
import { quote, withEngine, withFile } from './engine.ts';
import { type Leaves, leavesOf } from './leaves.ts';
import { selectLines, uuidText } from './lines.ts';

/** Rows of one payload that is open. */
export interface PayloadRows {
  /** A row's event id and canonical line. */
  line(row: number): Promise<{ readonly eventId: string; readonly line: string }>;
  /** The leaf hashes of so many rows. */
  leaves(from: number, rows: number): AsyncGenerator<Leaves>;
}

/** Throws what DuckDB throws. */
export function withRows<T>(path: string, work: (rows: PayloadRows) => Promise<T>): Promise<T> {
  return withEngine({ memory: '512MB' }, db =>
    withFile(path, name => {
      const from = (where: string): string =>
        `(SELECT * FROM read_parquet(${quote(name)}, hive_partitioning = false, file_row_number = true) WHERE file_row_number ${where})`;
      return work({
        async line(row) {
          // As hex: the binding drops a byte order mark at the beginning of a text.
          const found = await db.runAndReadAll(
            `SELECT hex(encode(line)), id FROM (${selectLines(`${uuidText('event_id')} AS id`, from(`= ${row}`))})`,
          );
          const [line, eventId] = found.getRows()[0]!.map(String);
          return { line: Buffer.from(line!, 'hex').toString('utf8'), eventId: eventId! };
        },
        leaves: (first, rows) => leavesOf(db, from(`BETWEEN ${first} AND ${first + rows - 1}`)),
      });
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
