import type { DuckDBConnection, DuckDBPreparedStatement, DuckDBResult } from '@duckdb/node-api';
import { AuditError } from '../errors.ts';
import { ask } from './ask.ts';
import { duckdb } from './binding.ts';
import { cellOf } from './cell.ts';
import type { Answer, Cell } from './job.ts';
import { spelledRows } from './spelled.ts';

/** Rows, and characters of text in them, that are sent at a time; a row of more than MOST_CHARS is refused. */
const BATCH_ROWS = 1024;
const BATCH_CHARS = 1 << 18;
const MOST_CHARS = 64 << 20;
/** Sends, and waits until more is asked for. */
export type Send = (message: Answer) => Promise<void>;

const NUMERIC = /^(?:U?(?:TINY|SMALL|BIG|HUGE)INT|U?INTEGER|DOUBLE|FLOAT|DECIMAL.*)$/;

export interface Statement {
  /** As it was given, which errors point into. */
  readonly sql: string;
  /** As the engine spells it. */
  readonly text: string;
  readonly parameters: Readonly<Record<string, string>>;
}

/**
 * Answers with the rows of a query. `mark`: the last column, `unverified`, of each row, if there is one. A stream of the engine's
 * that fails midway just ends: each has a last row that says so, and one that lacks it is an error.
 */
export async function sendRows(
  db: DuckDBConnection,
  { sql, text, parameters }: Statement,
  mark: readonly Cell[],
  answer: Send,
): Promise<void> {
  const prepared = await ask(db, sql, parameters);
  const { names, types } = await shapeOf(prepared);
  const spelled = spelledRows(text, types, mark);
  const columns = unique(names).map((name, i) => ({ name, numeric: NUMERIC.test(types[i]!) }));
  await answer({
    kind: 'columns',
    columns: mark.length > 0 ? [...columns, { name: 'unverified', numeric: false }] : columns,
  });
  const batch = new Batch(answer);
  try {
    const isWhole =
      spelled === undefined
        ? await addCells(batch, await streamOf(db, withLast(text, types.length), parameters), mark)
        : await addTexts(batch, await streamOf(db, withLast(spelled, 1), parameters));
    if (!isWhole) throw await causeOf(db, text, parameters);
  } catch (error) {
    // What failed is said of the query as it was given.
    if (!batch.sent && /\nLINE \d/.test(String(error))) await prepared.run();
    throw error;
  }
  await batch.send();
}

/** A table of one row: the engine reads what is joined to it in order, and yet on all threads. */
export const CREATE_LAST = 'CREATE TABLE last_row AS SELECT true AS is_last';

/** The rows, and behind them one of NULLs that is the last. */
function withLast(text: string, columns: number): string {
  return `SELECT *, false FROM (${text}\n) UNION ALL SELECT ${'NULL, '.repeat(columns)}is_last FROM last_row`;
}

async function streamOf(
  db: DuckDBConnection,
  text: string,
  parameters: Readonly<Record<string, string>>,
): Promise<DuckDBResult> {
  return (await ask(db, text, parameters)).stream();
}

/** Why a stream ended: every row is made once more, and dropped. */
async function causeOf(
  db: DuckDBConnection,
  text: string,
  parameters: Readonly<Record<string, string>>,
): Promise<Error> {
  try {
    await (await ask(db, `SELECT max(hash(answer)) FROM (${text}\n) AS answer`, parameters)).run();
  } catch (error) {
    return new Error(String(error instanceof Error ? error.message : error).split('\n\n', 1)[0]);
  }
  // Made one by one they were no trouble: together they were too many.
  return new Error('Out of Memory Error: the engine gave up before the last row');
}

interface RowShape {
  readonly names: readonly string[];
  readonly types: readonly string[];
}

/** Where a type depends on what a parameter is, only a result knows. */
async function shapeOf(prepared: DuckDBPreparedStatement): Promise<RowShape> {
  const columns = Array.from({ length: prepared.columnCount }, (_, i) => i);
  const isUnknown = columns.some(i => prepared.columnTypeId(i) === duckdb.DuckDBTypeId.INVALID);
  if (!isUnknown)
    return {
      names: columns.map(i => prepared.columnName(i)),
      types: columns.map(i => String(prepared.columnType(i))),
    };
  const result = await prepared.stream();
  return { names: result.columnNames(), types: result.columnTypes().map(String) };
}

/** Two columns of one name are told apart as the binding does it. */
function unique(names: readonly string[]): string[] {
  const seen = new Map<string, number>();
  return names.map(name => {
    const before = seen.get(name) ?? 0;
    seen.set(name, before + 1);
    return before === 0 ? name : `${name}:${before}`;
  });
}

/** False: the last row didn't come. */
async function addCells(batch: Batch, result: DuckDBResult, mark: readonly Cell[]): Promise<boolean> {
  const count = result.columnCount - 1;
  for await (const chunk of result) {
    const vectors = Array.from({ length: count }, (_, column) => chunk.getColumnVector(column));
    const last = chunk.getColumnVector(count);
    for (let row = 0; row < chunk.rowCount; row++) {
      if (last.getItem(row) === true) return true;
      await batch.add(JSON.stringify([...vectors.map(vector => cellOf(vector.getItem(row))), ...mark]));
    }
  }
  return false;
}

async function addTexts(batch: Batch, result: DuckDBResult): Promise<boolean> {
  for await (const chunk of result) {
    const [texts, last] = [chunk.getColumnVector(0), chunk.getColumnVector(1)];
    for (let row = 0; row < chunk.rowCount; row++) {
      if (last.getItem(row) === true) return true;
      await batch.add(String(texts.getItem(row)));
    }
  }
  return false;
}

/** Rows that are on their way. */
class Batch {
  sent = false;
  readonly #answer: Send;
  #rows: string[] = [];
  #chars = 0;

  constructor(answer: Send) {
    this.#answer = answer;
  }

  add(row: string): Promise<void> | undefined {
    if (row.length > MOST_CHARS)
      throw new AuditError('SQL_ERROR', 'a row of the answer has more than 64 MiB', {
        hint: 'ask for less in one row',
      });
    this.#rows.push(row);
    this.#chars += row.length;
    return this.#rows.length < BATCH_ROWS && this.#chars < BATCH_CHARS ? undefined : this.send();
  }

  async send(): Promise<void> {
    if (this.#rows.length === 0) return;
    const json = `[${this.#rows.join(',')}]`;
    [this.#rows, this.#chars, this.sent] = [[], 0, true];
    await this.#answer({ kind: 'rows', json });
  }
}
