import { closeSync, constants, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { REDACTED_LEAF } from '../record/schema.ts';
import { fdName, quote, withEngine } from './engine.ts';
import { LEAF_HEX, PAYLOAD_COLUMNS, selectLines } from './lines.ts';
import { copyToPayload, withMemory } from './payload.ts';

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

/** Rows that are named in one statement at a time. */
const AT_ONCE = 5000;

/** Writes rows of payloads behind one another into a new one. Whoever calls reads it back: order is what makes a root. Throws what DuckDB throws. */
export async function mergePayloads(sources: readonly MergedRows[], out: string): Promise<void> {
  const fds = sources.map(s =>
    openSync(s.path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK),
  );
  const rows = sources.reduce((sum, s) => sum + s.rows, 0);
  const bytes = sources.reduce((sum, s) => sum + (s.bytes * s.rows) / Math.max(1, s.of), 0);
  try {
    await withMemory(memory =>
      withEngine({ memory, temporary: `${dirname(out)}/.duckdb` }, async db => {
        await db.run('CREATE TEMP TABLE gone (source INTEGER, row BIGINT)');
        for (const [i, { redact }] of sources.entries())
          for (let n = 0; n < redact.length; n += AT_ONCE)
            await db.run(
              `INSERT INTO gone VALUES ${redact
                .slice(n, n + AT_ONCE)
                .map(row => `(${i}, ${row})`)
                .join(', ')}`,
            );
        const names = sources.map((s, i) => fdName(fds[i]!, s.path));
        // Zstandard makes about a tenth of a line.
        await copyToPayload(db, selectOf(sources, names), out, (bytes * 10) / Math.max(1, rows));
      }),
    );
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
    selects.push(part(source, name, i));
  }
  flush();
  return selects.join(' UNION ALL ');
}

const COLUMNS = PAYLOAD_COLUMNS.map(c => `"${c.name}"`).join(', ');

function part({ from, rows, redact }: MergedRows, name: string, source: number): string {
  const file = `(SELECT * FROM read_parquet(${name}, hive_partitioning = false, file_row_number = true)
    WHERE file_row_number BETWEEN ${from} AND ${from + rows - 1})`;
  if (redact.length === 0) return `SELECT ${COLUMNS} FROM ${file}`;
  const kept = PAYLOAD_COLUMNS.map(({ name: column }) =>
    column === REDACTED_LEAF
      ? `CASE WHEN is_gone THEN unhex(${LEAF_HEX}) ELSE "${column}" END AS "${column}"`
      : `CASE WHEN NOT is_gone THEN "${column}" END AS "${column}"`,
  );
  const marked = `(SELECT *, file_row_number IN (SELECT row FROM gone WHERE source = ${source}) AS is_gone FROM ${file})`;
  return `SELECT ${kept.join(', ')} FROM (${selectLines('*', marked)})`;
}
