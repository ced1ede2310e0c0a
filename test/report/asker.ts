import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { quote, withEngine } from '../../src/duck/engine.ts';
import { createView, PEOPLES } from '../../src/duck/view.ts';
import type { Asker, Row } from '../../src/query/inquiry.ts';
import { answerOf } from '../views.ts';

/** Columns of the view `records`. */
export type Told = Readonly<Record<string, string | number | boolean | null>>;

/** Asks records that were never in a store: for tests of what is said of them. */
export async function withRecords<T>(
  records: readonly Told[],
  work: (asker: Asker) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'slmaudit-test-'));
  try {
    return await withEngine({}, async db => {
      await db.run(createView({ opened: [], open: undefined, below: undefined, where: undefined }));
      await db.run('CREATE TABLE told AS SELECT * FROM records');
      const types = (await db.runAndReadAll('DESCRIBE records')).getRows();
      await db.run('DROP VIEW records');
      if (records.length > 0) {
        const path = join(folder, 'records.ndjson');
        writeFileSync(path, records.map(r => `${JSON.stringify(r)}\n`).join(''));
        const columns = types.map(([name, type]) => `${quote(String(name))}: ${quote(String(type))}`);
        await db.run(`INSERT INTO told BY NAME SELECT * FROM read_json(${quote(path)}, format = 'newline_delimited',
          columns = {${columns.join(', ')}})`);
      }
      await db.run(
        `CREATE VIEW records AS SELECT * EXCLUDE (latency_ms, ttft_ms, queue_ms, total_tokens), ${PEOPLES} FROM told`,
      );
      return work({
        all: async (sql, parameters = {}) => (await answerOf(db, { sql, parameters })) as Row[],
        keep: async (name, sql) => void (await db.run(`CREATE TABLE ${name} AS ${sql}`)),
      });
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
