import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { withEngine } from '../src/duck/engine.ts';
import { guard } from '../src/duck/guard.ts';
import type { Cell } from '../src/duck/job.ts';
import { CREATE_IP_KEY, createRuns, createView } from '../src/duck/view.ts';
import type { AuditRecord } from '../src/record/schema.ts';
import { answerOf } from './views.ts';

type Row = Readonly<Record<string, Cell>>;

/** Questions that pass the guard as they must elsewhere, in this process. */
export interface TestAsker {
  all(sql: string, parameters?: Readonly<Record<string, string>>): Promise<readonly Row[]>;
  keep(name: string, sql: string, parameters?: Readonly<Record<string, string>>): Promise<void>;
}

/** Asks the view `records` over these, without a store. What every record has is filled in. */
export async function withRecords<T>(
  records: readonly Partial<AuditRecord>[],
  work: (asker: TestAsker, db: DuckDBConnection) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'slmaudit-asked-'));
  try {
    const open = join(folder, 'open.ndjson');
    const lines = records.map(
      (record, i) => `${JSON.stringify({ r: { ...ALWAYS, event_id: eventId(i), ...record } })}\n`,
    );
    writeFileSync(open, lines.join(''));
    return await withEngine({}, async db => {
      const sources = { opened: [], open, below: undefined, where: undefined };
      await db.run(CREATE_IP_KEY);
      await db.run(createRuns(sources));
      await db.run(createView(sources));
      return work(askerOf(db), db);
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export function askerOf(db: DuckDBConnection): TestAsker {
  const kept: string[] = [];
  return {
    async all(sql, parameters = {}) {
      await guard(db, sql, kept);
      return (await answerOf(db, { sql, parameters })) as Row[];
    },
    async keep(name, sql, parameters = {}) {
      await guard(db, sql, kept);
      const prepared = await db.prepare(`CREATE TABLE ${name} AS ${sql}`);
      for (let i = 1; i <= prepared.parameterCount; i++)
        prepared.bindVarchar(i, parameters[prepared.parameterName(i)]!);
      await prepared.run();
      kept.push(name);
    },
  };
}

export const eventId = (n: number): string => `00000000-0000-8000-8000-${n.toString(16).padStart(12, '0')}`;

const ALWAYS = {
  v: 1,
  event_type: 'inference',
  ts_quality: 'exact',
  source_id: 'test',
  source_format: 'native',
  status: 'ok',
};
