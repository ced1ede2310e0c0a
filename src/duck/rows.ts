import type { DuckDBConnection, DuckDBPreparedStatement, DuckDBResult } from '@duckdb/node-api';
import { AuditError } from '../errors.ts';
import { ask } from './ask.ts';
import { duckdb } from './binding.ts';
import { cellOf } from './cell.ts';
import type { Answer, Cell } from './job.ts';
import { spelledRows } from './spelled.ts';

/** Rows, and characters of text in them, that are sent at a time; a row of more than MOST_CHARS is refused. */
const BATCH_ROWS = 1024;
const BATCH_CHARS = 1 << 20;
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

/** Answers with the rows of a query. `mark`: the last column, `unverified`, of each row, if there is one. */
export async function sendRows(
  db: DuckDBConnection,
  { sql, text, parameters }: Statement,
  mark: readonly Cell[],
  answer: Send,
): Promise<void> {
  const prepared = await ask(db, sql, parameters);
  const types = typesOf(prepared);
  const spelled = types && spelledRows(text, types, mark);
  const cells = spelled === undefined ? await prepared.stream() : undefined;
  const [names, known] = types
    ? [unique(types.map((_, i) => prepared.columnName(i))), types]
    : [cells!.deduplicatedColumnNames(), cells!.columnTypes().map(String)];
  const columns = names.map((name, i) => ({ name, numeric: NUMERIC.test(known[i]!) }));
  await answer({
    kind: 'columns',
    columns: mark.length > 0 ? [...columns, { name: 'unverified', numeric: false }] : columns,
  });
  const batch = new Batch(answer);
  try {
    if (spelled === undefined) await addCells(batch, cells!, mark);
    else await addTexts(batch, await (await ask(db, spelled, parameters)).stream());
  } catch (error) {
    // What failed is said of the query as it was given.
    if (spelled === undefined || batch.sent || !/\nLINE \d/.test(String(error))) throw error;
    await addCells(batch, await prepared.stream(), mark);
  }
  await batch.send();
}

/** Undefined where one depends on what a parameter will be. */
function typesOf(prepared: DuckDBPreparedStatement): string[] | undefined {
  const columns = Array.from({ length: prepared.columnCount }, (_, i) => i);
  const isUnknown = columns.some(i => prepared.columnTypeId(i) === duckdb.DuckDBTypeId.INVALID);
  return isUnknown ? undefined : columns.map(i => String(prepared.columnType(i)));
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

async function addCells(batch: Batch, result: DuckDBResult, mark: readonly Cell[]): Promise<void> {
  const count = result.columnCount;
  for await (const chunk of result) {
    const vectors = Array.from({ length: count }, (_, column) => chunk.getColumnVector(column));
    for (let row = 0; row < chunk.rowCount; row++)
      await batch.add(JSON.stringify([...vectors.map(vector => cellOf(vector.getItem(row))), ...mark]));
  }
}

async function addTexts(batch: Batch, result: DuckDBResult): Promise<void> {
  for await (const chunk of result) {
    const vector = chunk.getColumnVector(0);
    for (let row = 0; row < chunk.rowCount; row++) await batch.add(String(vector.getItem(row)));
  }
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
