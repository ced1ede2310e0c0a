import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { AuditError } from '../errors.ts';
import { DEFAULT_CLASS } from '../log/policy.ts';
import { CompactTree } from '../merkle/tree.ts';
import { COLUMNS, REDACTED_LEAF, SCHEMA_VERSION } from '../record/schema.ts';
import { quote, withEngine, withFile } from './engine.ts';
import { FROM_STRUCT, LEAF_HEX, PAYLOAD_COLUMNS, RECORD_STRUCT, selectLines } from './lines.ts';

/** What a payload holds, computed from its rows alone. */
export interface PayloadContent {
  readonly rows: number;
  readonly root: Buffer;
  /** Earliest and latest `ts`, if there are rows. */
  readonly span?: { readonly from: string; readonly to: string };
  /** What the row checks found (SPEC 5), in words; empty if all is well. */
  readonly problems: readonly string[];
}

/**
 * Bound of DuckDB's buffers. With 1 GB it writes Parquet on two threads, a million records in 3.5 s instead of
 * 5.7 s, and the whole ingest takes 200 MB more: an unattended host needs the memory more.
 */
const MEMORY = '280MB';
/** What is tried where that was not enough: a segment must not stay unsealed for want of memory that the host has. */
const MORE_MEMORY = ['1GB', '4GB'] as const;
/** Bytes of lines that a row group holds at most: it is held whole before it is written. */
const ROW_GROUP_BYTES = 64 << 20;
const ROW_GROUP = { least: 2048, most: 61_440 } as const;

/**
 * Writes the records of an open segment as one Parquet file (SPEC 5), in their order. `records`: all that it holds; `only`: those of
 * one class, where there are others. Throws DISK_FULL, PAYLOAD_FAILED.
 */
export async function writePayload(
  frames: string,
  records: number,
  payload: string,
  only?: string,
): Promise<void> {
  try {
    await copyRecords(frames, records, payload, only);
  } catch (cause) {
    const message = cause instanceof Error ? cause.message.split('\n', 1)[0]! : String(cause);
    const full = /No space left|disk quota/i.test(message);
    throw new AuditError(full ? 'DISK_FULL' : 'PAYLOAD_FAILED', `can't write ${payload}: ${message}`, {
      hint: `nothing was lost: the records are in ${frames}; ${full ? 'make room, then run' : 'run'} \`slmaudit seal\``,
      cause,
    });
  }
}

async function copyRecords(
  frames: string,
  records: number,
  payload: string,
  only: string | undefined,
): Promise<void> {
  const rows = rowGroupSize(statSync(frames).size / Math.max(1, records));
  await withMemory(memory =>
    withEngine({ memory, temporary: `${dirname(payload)}/.duckdb` }, db =>
      withFile(frames, name =>
        db.run(`
        COPY (SELECT ${FROM_STRUCT} FROM ${recordsIn(name, only !== undefined)} WHERE r IS NOT NULL ${ofClass(only)})
        TO ${quote(payload)} (FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION V1, ROW_GROUP_SIZE ${rows})`),
      ),
    ),
  );
}

function ofClass(only: string | undefined): string {
  if (only === undefined) return '';
  return only === DEFAULT_CLASS ? 'AND k IS NULL' : `AND k = ${quote(only)}`;
}

/** Rows of a row group, in whole vectors of the engine, for lines of so many bytes. */
function rowGroupSize(lineBytes: number): number {
  const rows = Math.floor(ROW_GROUP_BYTES / lineBytes / ROW_GROUP.least) * ROW_GROUP.least;
  return Math.min(ROW_GROUP.most, Math.max(ROW_GROUP.least, rows));
}

async function withMemory<T>(work: (memory: string) => Promise<T>): Promise<T> {
  for (const [i, memory] of [MEMORY, ...MORE_MEMORY].entries()) {
    try {
      return await work(memory);
    } catch (error) {
      const isShort = error instanceof Error && /Out of Memory/i.test(error.message);
      if (!isShort || i === MORE_MEMORY.length) throw error;
    }
  }
  throw new Error('unreachable');
}

/** The structs `r` of an open segment's records; other frames have a NULL there. `classed`: and their class `k`, NULL for `default`. */
export function recordsIn(name: string, classed = false): string {
  return `read_json(${quote(name)}, format = 'newline_delimited', compression = 'uncompressed',
    maximum_object_size = 2097152, columns = {${classed ? "k: 'VARCHAR', " : ''}r: ${quote(RECORD_STRUCT)}})`;
}

/** Reads every row of a payload again: leaf hashes, root and the row checks. Throws what DuckDB throws. */
export function readPayload(path: string): Promise<PayloadContent> {
  return withMemory(memory => withEngine({ memory }, db => withFile(path, name => contentOf(db, name))));
}

async function contentOf(db: DuckDBConnection, name: string): Promise<PayloadContent> {
  const from = `read_parquet(${quote(name)}, hive_partitioning = false)`;
  const problems = await columnProblems(db, from);
  if (problems.length > 0) return { rows: 0, root: new CompactTree().root(), problems };
  const checks = await rowChecks(db, from);
  // A leaf of another length is none: there is no root to be made.
  if (checks.problems.includes(NO_LEAF)) return { rows: 0, root: new CompactTree().root(), ...checks };
  const tree = new CompactTree();
  // run() hashes on all cores, stream() on one: 3.3 s against 6.6 s a million rows.
  const result = await db.run(`SELECT ${LEAF_HEX} FROM (${selectLines(`"${REDACTED_LEAF}"`, from)})`);
  for (
    let chunk = await result.fetchChunk();
    chunk && chunk.rowCount > 0;
    chunk = await result.fetchChunk()
  ) {
    for (const leaf of chunk.getColumnValues(0)) tree.add(Buffer.from(String(leaf), 'hex'));
  }
  return { rows: tree.size, root: tree.root(), ...checks };
}

async function columnProblems(db: DuckDBConnection, from: string): Promise<string[]> {
  const found = (await db.runAndReadAll(`DESCRIBE SELECT * FROM ${from}`)).getRowObjects();
  const text = (columns: readonly { name: unknown; type: unknown }[]): string =>
    columns.map(c => `${String(c.name)} ${String(c.type)}`).join(', ');
  const [is, wanted] = [
    text(found.map(r => ({ name: r['column_name'], type: r['column_type'] }))),
    text(PAYLOAD_COLUMNS),
  ];
  return is === wanted ? [] : [`its columns are not those of schema version ${SCHEMA_VERSION}`];
}

const NO_LEAF = 'what stands for a redacted row is no leaf hash';

async function rowChecks(
  db: DuckDBConnection,
  from: string,
): Promise<Pick<PayloadContent, 'span' | 'problems'>> {
  const always = COLUMNS.filter(c => c.always).map(c => `"${c.name}"`);
  const stamp = (aggregate: string): string => `strftime(${aggregate}(ts), '%Y-%m-%dT%H:%M:%S.%fZ')`;
  const rows = await db.runAndReadAll(`
    SELECT ${stamp('min')}, ${stamp('max')},
      count(*) FILTER (${always.map(c => `${c} IS NULL`).join(' OR ')}),
      count(*) FILTER (v <> ${SCHEMA_VERSION}), count("${REDACTED_LEAF}"),
      count(*) FILTER (octet_length("${REDACTED_LEAF}") <> 32)
    FROM ${from}`);
  const [first, last, incomplete, foreign, redacted, noLeaf] = rows.getRows()[0]!;
  const problems: string[] = [];
  const count = (n: unknown, what: string): void => {
    if (Number(n) > 0) problems.push(`${Number(n)} rows ${what}`);
  };
  count(incomplete, 'lack a column that every record has');
  count(foreign, 'are of another schema version');
  count(redacted, 'are redacted, and no entry says so');
  if (Number(noLeaf) > 0) problems.push(NO_LEAF);
  return { ...(first !== null && { span: { from: String(first), to: String(last) } }), problems };
}
