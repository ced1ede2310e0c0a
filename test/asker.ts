import type { DuckDBConnection } from '@duckdb/node-api';
import type { Cell } from '../src/duck/job.ts';
import { guard } from '../src/duck/guard.ts';
import type { Asker } from '../src/query/inquiry.ts';
import { answerOf } from './views.ts';

/** Asks in this process, each question looked at as the query process looks at it. */
export function askerOf(db: DuckDBConnection): Asker {
  const own: string[] = [];
  return {
    async all(sql, parameters = {}) {
      await guard(db, sql, own);
      return (await answerOf(db, { sql, parameters })) as Record<string, Cell>[];
    },
    async keep(name, sql, parameters = {}) {
      await guard(db, sql, own);
      const prepared = await db.prepare(`CREATE TABLE ${name} AS ${sql}`);
      for (let i = 1; i <= prepared.parameterCount; i++)
        prepared.bindVarchar(i, parameters[prepared.parameterName(i)]!);
      await prepared.run();
      own.push(name);
    },
  };
}
