import { closeSync, constants, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { AuditError } from '../errors.ts';
import { DEFAULT_CLASS } from '../log/policy.ts';
import { CompactTree, HASH_BYTES } from '../merkle/tree.ts';
import { tsOfMicros } from '../record/time.ts';
import { SCHEMA_VERSION } from '../record/schema.ts';
import { removeFile } from '../store/durable.ts';
import { fdName, quote, withEngine, withFile } from './engine.ts';
import { RowProblems } from './checks.ts';
import { type Leaves, leavesOf, NoLeaf } from './leaves.ts';
import { FROM_STRUCT, PAYLOAD_COLUMNS, RECORD_STRUCT } from './lines.ts';

/** What a payload holds, computed from its rows alone. */
export interface PayloadContent {
  readonly rows: number;
  /** Of each segment in it, in their order. */
  readonly parts: readonly PayloadPart[];
  /** What the row checks found (SPEC 5), in words; empty if all is well. */
  readonly problems: readonly string[];
}

export interface PayloadPart {
  readonly rows: number;
  readonly root: Buffer;
  /** Earliest and latest `ts` of rows that are not redacted, if there are any. */
  readonly span?: { readonly from: string; readonly to: string };
  /** Rows of which only the leaf hash is there, counted from 0. */
  readonly redacted: readonly number[];
}

/** Bound of DuckDB's buffers: an unattended host needs the memory more than the time. */
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
  const lineBytes = statSync(frames).size / Math.max(1, records);
  await withBounds(payload, db =>
    withFile(frames, name =>
      copyToPayload(
        db,
        `SELECT ${FROM_STRUCT} FROM ${recordsIn(name, only !== undefined)} WHERE r IS NOT NULL ${ofClass(only)}`,
        payload,
        lineBytes,
      ),
    ),
  );
}

/**
 * The one way in which payloads are written (SPEC 5): into a file that is made here and known by its descriptor, so that the engine writes
 * through no link that somebody has put in its place.
 */
export async function copyToPayload(
  db: DuckDBConnection,
  select: string,
  payload: string,
  lineBytes: number,
): Promise<void> {
  removeFile(payload);
  const fd = openSync(
    payload,
    constants.O_CREAT | constants.O_EXCL | constants.O_RDWR | constants.O_NOFOLLOW,
  );
  try {
    await db.run(`COPY (${select}) TO ${quote(fdName(fd, payload))} (FORMAT parquet, COMPRESSION zstd,
      PARQUET_VERSION V1, ROW_GROUP_SIZE ${rowGroupSize(lineBytes)}, USE_TMP_FILE false)`);
  } finally {
    closeSync(fd);
  }
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

/**
 * An engine that makes payloads, or reads them as a whole. It has one thread, the one that waits for it otherwise: with two, and buffers
 * that are bounded, one works and the other asks for work in a loop, 7.3 s of processor a million records instead of 3.2.
 * `out`: a file that is written; beside it there is room to spill.
 */
export async function withBounds<T>(
  out: string | undefined,
  work: (db: DuckDBConnection) => Promise<T>,
): Promise<T> {
  const temporary = out !== undefined && { temporary: `${dirname(out)}/.duckdb` };
  for (const [i, memory] of [MEMORY, ...MORE_MEMORY].entries()) {
    try {
      return await withEngine({ threads: 1, memory, ...temporary }, work);
    } catch (error) {
      const isShort = error instanceof Error && /Out of Memory/i.test(error.message);
      if (!isShort || i === MORE_MEMORY.length) throw error;
    }
  }
  throw new Error('unreachable');
}

/**
 * The structs `r` of an open segment's records; other frames have a NULL there. `classed`: and their class `k`, NULL for `default`.
 * Nothing is detected: for that the first 20,480 frames would be parsed twice.
 */
export function recordsIn(name: string, classed = false): string {
  return `read_json(${quote(name)}, format = 'newline_delimited', compression = 'uncompressed', auto_detect = false, records = true,
    maximum_object_size = 2097152, columns = {${classed ? "k: 'VARCHAR', " : ''}r: ${quote(RECORD_STRUCT)}})`;
}

/**
 * Reads every row of a payload again: leaf hashes, roots and the row checks. `counts`: rows of each segment in it; what is over
 * counts for the last. Throws what DuckDB throws.
 */
export function readPayload(path: string, counts: readonly number[]): Promise<PayloadContent> {
  return withBounds(undefined, db => withFile(path, name => contentOf(db, name, counts)));
}

export async function contentOf(
  db: DuckDBConnection,
  name: string,
  counts: readonly number[],
): Promise<PayloadContent> {
  const from = `read_parquet(${quote(name)}, hive_partitioning = false, file_row_number = true)`;
  const columns = await columnProblems(db, `read_parquet(${quote(name)}, hive_partitioning = false)`);
  if (columns.length > 0) return { rows: 0, parts: [], problems: columns };
  const parts = new Parts(counts);
  const problems = new RowProblems();
  try {
    for await (const leaves of leavesOf(db, from, problems)) parts.add(leaves);
  } catch (error) {
    // There is no root to be made.
    if (error instanceof NoLeaf) return { rows: 0, parts: [], problems: [error.message] };
    throw error;
  }
  if (parts.rows !== (await countOf(db, from))) await throwFailure(db, from);
  return { rows: parts.rows, parts: parts.end(), problems: problems.all };
}

/** From the file's own index. */
async function countOf(db: DuckDBConnection, from: string): Promise<number> {
  const rows = await db.runAndReadAll(`SELECT count(*) FROM ${from}`);
  return Number(rows.getRows()[0]![0]);
}

/** A stream that fails midway just ends. Asked for one row of all that it was to be made of, the engine says why. */
async function throwFailure(db: DuckDBConnection, from: string): Promise<never> {
  const columns = PAYLOAD_COLUMNS.map(({ name }) => `count(hash("${name}"))`).join(', ');
  await db.run(`SELECT ${columns} FROM ${from}`);
  throw new Error('its rows end before all have come');
}

/** Rows as they come, parted into segments. */
class Parts {
  rows = 0;
  readonly #counts: readonly number[];
  #redacted: number[] = [];
  readonly #done: PayloadPart[] = [];
  #tree = new CompactTree();
  #earliest = Infinity;
  #latest = -Infinity;

  constructor(counts: readonly number[]) {
    this.#counts = counts;
  }

  add({ rows, hashes, micros, redacted }: Leaves): void {
    let next = 0;
    for (let row = 0; row < rows; row++) {
      while (
        this.#tree.size >= this.#counts[this.#done.length]! &&
        this.#done.length < this.#counts.length - 1
      )
        this.#close();
      if (row === redacted[next]) {
        this.#redacted.push(this.#tree.size);
        next++;
      }
      this.#tree.add(hashes, row * HASH_BYTES);
      this.rows++;
      const at = micros[row]!;
      if (at < this.#earliest) this.#earliest = at;
      if (at > this.#latest) this.#latest = at;
    }
  }

  end(): PayloadPart[] {
    while (this.#done.length < this.#counts.length) this.#close();
    return this.#done;
  }

  #close(): void {
    const [from, to] = this.#latest >= this.#earliest ? [this.#earliest, this.#latest].map(tsOfMicros) : [];
    this.#done.push({
      rows: this.#tree.size,
      root: this.#tree.root(),
      ...(from !== undefined && to !== undefined && { span: { from, to } }),
      redacted: this.#redacted,
    });
    this.#redacted = [];
    this.#tree = new CompactTree();
    this.#earliest = Infinity;
    this.#latest = -Infinity;
  }
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
