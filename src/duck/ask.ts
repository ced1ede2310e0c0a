import type { DuckDBConnection, DuckDBPreparedStatement } from '@duckdb/node-api';
import { AuditError } from '../errors.ts';

/** Prepares a statement. Parameters are bound as text; the engine reads them as what they are compared with. Throws SQL_PARAMETER. */
export async function ask(
  db: DuckDBConnection,
  sql: string,
  parameters: Readonly<Record<string, string>>,
): Promise<DuckDBPreparedStatement> {
  const prepared = await db.prepare(sql);
  const names = Array.from({ length: prepared.parameterCount }, (_, i) => prepared.parameterName(i + 1));
  const absent = names.find(name => parameters[name] === undefined);
  if (absent !== undefined)
    throw parameterError(
      `the query has a parameter $${absent} and no value for it`,
      `add --param ${absent}=VALUE`,
    );
  const strange = Object.keys(parameters).find(name => !names.includes(name));
  if (strange !== undefined)
    throw parameterError(
      `the query has no parameter $${strange}`,
      names.length > 0 ? `it has ${names.map(n => `$${n}`).join(', ')}` : 'it has none',
    );
  for (const [i, name] of names.entries()) prepared.bindVarchar(i + 1, parameters[name]!);
  return prepared;
}

const parameterError = (message: string, hint: string): AuditError =>
  new AuditError('SQL_PARAMETER', message, { hint });
