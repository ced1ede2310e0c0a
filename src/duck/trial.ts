import { AuditError } from '../errors.ts';
import { type ColumnType, COLUMNS } from '../record/schema.ts';
import { cellOf } from './cell.ts';
import { lockEngine, quote, withEngine } from './engine.ts';
import { guard } from './guard.ts';
import { type Cell, ENTRY_COLUMNS } from './job.ts';
import { CREATE_IP_KEY, PEOPLES } from './view.ts';

export type Told = Readonly<Record<string, string | number | boolean>>;

/** Few made-up rows in place of a store, in this process. */
export interface Trial {
  /** From now on these are all records, with seq from 0 on, and all entries. Throws TRIAL_MALFORMED for what no column takes. */
  tell(records: readonly Told[], entries: readonly Told[]): Promise<void>;
  /** As a query process answers it. Throws SQL_ERROR, SQL_REFUSED. */
  all(sql: string): Promise<Record<string, Cell>[]>;
  /** Throws as all() does; nothing is asked. */
  check(sql: string): Promise<void>;
}

const TYPES: Readonly<Record<ColumnType, string>> = {
  int16: 'BIGINT',
  int32: 'BIGINT',
  int64: 'BIGINT',
  text: 'VARCHAR',
  json: 'VARCHAR',
  uuid: 'VARCHAR',
  hash: 'VARCHAR',
  bool: 'BOOLEAN',
  ts: 'TIMESTAMPTZ',
};
const RECORD = { seq: 'BIGINT', ...Object.fromEntries(COLUMNS.map(c => [c.name, TYPES[c.type]])) };
/** What entries say of segments, and of the records in them: those behind the ones of the entries before. */
const SEGMENTS = `CREATE OR REPLACE TABLE segments AS
  SELECT s.entry AS entry, sealed_at, first_seq, s.records AS records, min(r.ts) AS from_ts, max(r.ts) AS to_ts, list(DISTINCT r.source_id) AS sources
  FROM (SELECT entry, "at" AS sealed_at, records, coalesce(sum(records) OVER (ORDER BY entry ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS first_seq
    FROM entries WHERE kind = 'segment') s LEFT JOIN records r ON r.seq BETWEEN first_seq AND first_seq + s.records - 1 GROUP BY ALL`;
/** What every record has, where nothing else is said. */
const ALWAYS: Told = {
  v: 1,
  event_type: 'inference',
  ts_quality: 'exact',
  source_id: 'trial',
  source_format: 'native',
  status: 'ok',
};

/** An engine with the views over records that are told, without a store: for tests of rules. */
export function withTrial<T>(work: (trial: Trial) => Promise<T>): Promise<T> {
  return withEngine({ threads: 1, memory: '256MB' }, async db => {
    await db.run(CREATE_IP_KEY);
    const table = async (
      name: string,
      columns: Readonly<Record<string, string>>,
      rows: readonly Told[],
      more: string,
    ): Promise<void> => {
      // Strict, or a text where a number belongs would be NULL; and then every row has all that any has.
      const told = Object.entries(columns).filter(([column]) => rows.some(row => row[column] !== undefined));
      const full = rows.map(row => Object.fromEntries(told.map(([column]) => [column, row[column] ?? null])));
      const shape = JSON.stringify([Object.fromEntries(told)]);
      const from =
        rows.length === 0
          ? '(SELECT 1 WHERE false)'
          : `(SELECT unnest(from_json_strict(${quote(JSON.stringify(full))}, ${quote(shape)}), recursive := true))`;
      const known = new Set(told.map(([column]) => column));
      const all = Object.entries(columns).map(([column, type]) =>
        known.has(column) ? `"${column}"` : `NULL::${type} AS "${column}"`,
      );
      try {
        await db.run(
          `CREATE OR REPLACE TABLE ${name} AS SELECT *${more} FROM (SELECT ${all.join(', ')} FROM ${from})`,
        );
      } catch (cause) {
        throw new AuditError('TRIAL_MALFORMED', cause instanceof Error ? cause.message.split('\n')[0]! : '', {
          cause,
        });
      }
    };
    const tell: Trial['tell'] = async (records, entries) => {
      const all = records.map((record, seq) => ({ ...ALWAYS, event_id: idOf(seq), ...record, seq }));
      await table('records', RECORD, all, `, ${PEOPLES}`);
      await table(
        'entries',
        ENTRY_COLUMNS,
        entries.map(({ ts, ...entry }, i) => ({ entry: i, ...entry, ...(ts !== undefined && { at: ts }) })),
        '',
      );
      await db.run(SEGMENTS);
    };
    await tell([], []);
    await lockEngine(db);
    const check: Trial['check'] = async sql => {
      await guard(db, sql);
      try {
        (await db.prepare(sql)).destroySync();
      } catch (cause) {
        throw sqlError(cause);
      }
    };
    return work({
      tell,
      check,
      async all(sql) {
        await guard(db, sql);
        try {
          const read = await db.runAndReadAll(sql);
          const names = read.columnNames();
          return read
            .getRows()
            .map(row => Object.fromEntries(row.map((cell, i) => [names[i]!, cellOf(cell)])));
        } catch (cause) {
          throw sqlError(cause);
        }
      },
    });
  });
}

const idOf = (seq: number): string => `00000000-0000-8000-8000-${seq.toString(16).padStart(12, '0')}`;

const sqlError = (cause: unknown): AuditError =>
  new AuditError('SQL_ERROR', cause instanceof Error ? cause.message.split('\n')[0]! : String(cause), {
    cause,
  });
