import { closeSync, openSync } from 'node:fs';
import { query, type QueryOptions, type Question } from '../query/query.ts';
import { writeAll } from '../store/durable.ts';
import type { Store } from '../store/store.ts';

export interface Written {
  readonly records: number;
  /** Places in the log of the first and the last line. */
  readonly first?: number;
  readonly last?: number;
}

/**
 * Writes the canonical lines of sealed records to a new file, as their files have them: nothing has to be sorted, and with one
 * thread (`repeatable`) they always come so. Throws what query() throws.
 */
export async function writeRecords(
  store: Store,
  span: Pick<Question, 'since' | 'until'>,
  options: QueryOptions,
  path: string,
): Promise<Written> {
  const fd = openSync(path, 'wx', 0o600);
  let [records, first, last] = [0, -1, -1];
  try {
    const question = {
      sql: 'SELECT seq, line FROM lines WHERE seq IS NOT NULL AND ts IS NOT NULL',
      parameters: {},
      lines: true,
      ...span,
    };
    await query(store, question, options, {
      columns: () => undefined,
      rows(rows) {
        if (first < 0 && rows[0]) first = Number(rows[0][0]);
        last = Number(rows.at(-1)?.[0] ?? last);
        records += rows.length;
        writeAll(fd, Buffer.from(rows.map(row => `${row[1] as string}\n`).join(''), 'utf8'));
        return true;
      },
      end: () => undefined,
    });
  } finally {
    closeSync(fd);
  }
  return { records, ...(records > 0 && { first, last }) };
}
