import { rowsTo } from '../duck/sink.ts';
import { query, type QueryOptions } from '../query/query.ts';
import { nearest } from '../record/nearest.ts';
import type { ColumnName } from '../record/schema.ts';
import type { Store } from '../store/store.ts';
import type { Filters } from './conditions.ts';

/** Filters that name a value whole, and the column it stands in. */
const NAMED = {
  user: 'user_id',
  apiKey: 'api_key_id',
  model: 'model',
  modelVersion: 'model_version',
  operation: 'operation',
} as const satisfies Partial<Record<keyof Filters, ColumnName>>;

/** Of values that were asked for and no record of the store has: a sentence each, with the nearest that there are. */
export async function nearValues(store: Store, filters: Filters, options: QueryOptions): Promise<string[]> {
  const asked = Object.entries(NAMED).flatMap(([name, column]) => {
    const value = filters[name as keyof typeof NAMED];
    return value === undefined || value.includes('*') ? [] : [{ column, value }];
  });
  if (asked.length === 0) return [];
  const known = new Map<string, string[]>(asked.map(({ column }) => [column, []]));
  const each = asked.map(
    ({ column }) => `SELECT DISTINCT '${column}', ${column} FROM records WHERE ${column} IS NOT NULL`,
  );
  await query(
    store,
    { sql: each.join('\nUNION ALL '), parameters: {} },
    options,
    rowsTo(([column, value]) => known.get(column as string)!.push(value as string)),
  );
  return asked
    .filter(({ column, value }) => !known.get(column)!.includes(value))
    .map(({ column, value }) => {
      const near = nearest(value, known.get(column)!);
      const itself = column === 'api_key_id' ? '; a key itself is looked for with --api-key-file' : '';
      return `no record has the ${column} ${value}${near.length > 0 ? `; did you mean ${near.join(' or ')}?` : ''}${itself}`;
    });
}
