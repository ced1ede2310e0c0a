import { closeSync } from 'node:fs';
import { REDACTED_LEAF } from '../record/schema.ts';
import { openToRead } from '../store/durable.ts';
import { fdName, quote } from './engine.ts';
import { LEAF_HEX, PAYLOAD_COLUMNS, selectLines } from './lines.ts';
import { copyToPayload, withBounds } from './payload.ts';

/** Rows of a payload that go into another one. */
export interface MergedRows {
  readonly path: string;
  /** Bytes and rows of the whole file. */
  readonly bytes: number;
  readonly of: number;
  readonly from: number;
  readonly rows: number;
  /** Rows of which only the leaf hash is to be left, counted from the file's first. */
  readonly redact: readonly number[];
}

/** Writes rows of payloads behind one another into a new one. Whoever calls reads it back: order is what makes a root. Throws what DuckDB throws. */
export async function mergePayloads(sources: readonly MergedRows[], out: string): Promise<void> {
  const fds = sources.map(s => openToRead(s.path));
  const rows = sources.reduce((sum, s) => sum + s.rows, 0);
  const bytes = sources.reduce((sum, s) => sum + (s.bytes * s.rows) / Math.max(1, s.of), 0);
  try {
    const names = sources.map((s, i) => fdName(fds[i]!, s.path));
    // Zstandard makes about a tenth of a line.
    const lineBytes = (bytes * 10) / Math.max(1, rows);
    await withBounds(out, db => copyToPayload(db, selectOf(sources, names), out, lineBytes));
  } finally {
    for (const fd of fds) closeSync(fd);
  }
}

function selectOf(sources: readonly MergedRows[], names: readonly string[]): string {
  const selects: string[] = [];
  let whole: string[] = [];
  const flush = (): void => {
    if (whole.length > 0)
      selects.push(`SELECT ${COLUMNS} FROM read_parquet([${whole.join(', ')}], hive_partitioning = false)`);
    whole = [];
  };
  for (const [i, source] of sources.entries()) {
    const name = quote(names[i]!);
    if (source.rows === source.of && source.redact.length === 0) {
      whole.push(name);
      continue;
    }
    flush();
    selects.push(part(source, name));
  }
  flush();
  return selects.join(' UNION ALL ');
}

const ZERO = '0'.charCodeAt(0);
const COLUMNS = PAYLOAD_COLUMNS.map(c => `"${c.name}"`).join(', ');

function part({ from, rows, redact }: MergedRows, name: string): string {
  const file = `(SELECT * FROM read_parquet(${name}, hive_partitioning = false, file_row_number = true)
    WHERE file_row_number BETWEEN ${from} AND ${from + rows - 1})`;
  if (redact.length === 0) return `SELECT ${COLUMNS} FROM ${file}`;
  const kept = PAYLOAD_COLUMNS.map(({ name: column }) =>
    column === REDACTED_LEAF
      ? `CASE WHEN is_gone THEN unhex(${LEAF_HEX}) ELSE "${column}" END AS "${column}"`
      : `CASE WHEN NOT is_gone THEN "${column}" END AS "${column}"`,
  );
  // A join would not keep the rows in their order.
  const bits = new Uint8Array(rows).fill(ZERO);
  for (const row of redact) bits[row - from] = ZERO + 1;
  const gone = Buffer.from(bits).toString('latin1');
  const marked = `(SELECT *, get_bit('${gone}'::BIT, (file_row_number - ${from})::INTEGER) = 1 AS is_gone FROM ${file})`;
  return `SELECT ${kept.join(', ')} FROM (${selectLines('*', marked)})`;
}
