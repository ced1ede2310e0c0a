import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';

/** Every sealed row of a store, read by a Parquet reader that has nothing to do with DuckDB. */
export async function sealedRows(store: string, columns?: string[]): Promise<Record<string, unknown>[]> {
  const records = join(store, 'records');
  const files = readdirSync(records, { recursive: true, encoding: 'utf8' }).filter(name =>
    name.endsWith('.parquet'),
  );
  const rows: Record<string, unknown>[] = [];
  for (const name of files.sort()) {
    const bytes = readFileSync(join(records, name));
    const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
    rows.push(...(await parquetReadObjects({ file, compressors, ...(columns && { columns }) })));
  }
  return rows;
}
