import type { DuckDBConnection } from '@duckdb/node-api';
import { AuditError } from '../errors.ts';
import { quote } from './engine.ts';

/**
 * What a query may be: one SELECT over the views `records` and `requests`, and what it makes of it itself. Two more walls stand
 * behind this one: the engine has no access to files but those it was given, and its process has no environment.
 */
const TABLES = new Set(['records', 'requests']);
const TABLE_FUNCTIONS = new Set(['unnest', 'range', 'generate_series', 'json_each', 'json_tree']);
const REFUSED =
  /^(?:getenv|getvariable|current_setting|set_config|nextval|currval|write_log|query|query_table)$|^(?:duckdb|pragma|read|sniff|parquet|glob|scan|iceberg|delta)_/;

/** Throws SQL_ERROR for what is no SQL, SQL_REFUSED for what may not be asked. */
export async function guard(db: DuckDBConnection, sql: string): Promise<void> {
  const reader = await db.runAndReadAll(`SELECT json_serialize_sql(${quote(sql)}::VARCHAR)`);
  const tree = JSON.parse(String(reader.getRows()[0]?.[0])) as Tree;
  if (tree.error) {
    if (tree.error_type === 'not implemented') throw refused('only SELECT is answered here');
    throw new AuditError('SQL_ERROR', `${tree.error_message ?? 'not SQL'}${at(sql, tree.position)}`, {
      hint: HINT,
    });
  }
  if (tree.statements?.length !== 1) throw refused('one SELECT at a time');
  const own = new Set<string>();
  walk(tree.statements, node => {
    const map = node['cte_map'];
    if (isNode(map) && Array.isArray(map['map']))
      for (const cte of map['map'] as Node[]) own.add(cteName(cte['key']));
  });
  walk(tree.statements, node => checkNode(node, own));
}

const HINT =
  'there are the tables records and requests; `slmaudit query "describe records"` shows its columns';

interface Tree {
  readonly error: boolean;
  readonly error_type?: string;
  readonly error_message?: string;
  readonly position?: string;
  readonly statements?: readonly unknown[];
}

/** A name of its own, that nothing in the engine's catalog has. */
function cteName(key: unknown): string {
  const name = String(key).toLowerCase();
  if (/^[a-z_][a-z0-9_]*$/.test(name) && !/^(?:duckdb|pragma|pg|sqlite|information|which|show)_?/.test(name))
    return name;
  throw refused(`choose another name than ${JSON.stringify(name)} in WITH`);
}

type Node = Record<string, unknown>;

const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null;

function walk(value: unknown, visit: (node: Node) => void): void {
  if (!isNode(value)) return;
  visit(value);
  for (const inner of Object.values(value)) walk(inner, visit);
}

function checkNode(node: Node, own: ReadonlySet<string>): void {
  const type = node['type'];
  if (type === 'BASE_TABLE') {
    const name = String(node['table_name']).toLowerCase();
    const plain = node['schema_name'] === '' && node['catalog_name'] === '';
    if (!plain || !(TABLES.has(name) || own.has(name)))
      throw refused(`there is no table ${JSON.stringify(node['table_name'])}`);
  }
  const called = isNode(node['function']) ? String(node['function']['function_name']).toLowerCase() : '';
  if (type === 'TABLE_FUNCTION' && !TABLE_FUNCTIONS.has(called))
    throw refused(`${called} may not be read from`);
  if (type === 'SHOW_REF' && !isDescribe(node)) throw refused('only `describe records` shows columns');
  const name = node['function_name'];
  if (typeof name === 'string' && REFUSED.test(name.toLowerCase()))
    throw refused(`${name} may not be called`);
}

const isDescribe = (node: Node): boolean =>
  node['show_type'] === 'DESCRIBE' && ['records', '"records"', ''].includes(String(node['table_name']));

function refused(what: string): AuditError {
  return new AuditError('SQL_REFUSED', `refused: ${what}`, { hint: HINT });
}

function at(sql: string, position: string | undefined): string {
  const offset = Number(position ?? NaN);
  if (!Number.isInteger(offset) || offset < 0 || offset > sql.length) return '';
  const line = sql.slice(0, offset).split('\n').length;
  return ` (line ${line}, near ${JSON.stringify(sql.slice(offset, offset + 20))})`;
}
