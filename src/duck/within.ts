import type { DuckDBConnection } from '@duckdb/node-api';
import { AuditError } from '../errors.ts';
import { quote } from './engine.ts';
import { isNode, type Node } from './guard.ts';

/** A text, a quoted name, a dollar-quoted text, a comment, white space; any other sign. */
const TOKEN = /'(?:[^']|'')*'|"(?:[^"]|"")*"|\$(\w*)\$[^]*?\$\1\$|--[^\n]*|\/\*[^]*?\*\/|\s+|[^]/g;

/** Without comments, semicolons and white space behind it. */
function cut(sql: string): string {
  let end = 0;
  for (const { 0: token, index } of sql.matchAll(TOKEN))
    if (!/^(?:--|\/\*|\s|;)/.test(token)) end = index + token.length;
  return sql.slice(0, end);
}

/**
 * A SELECT as it can stand between parentheses, seen to be the same one there. (The engine spells a tree as SQL, but not always
 * as SQL of that tree: `a CROSS JOIN b LEFT JOIN c USING (x)` comes out as another join.) Throws SQL_ERROR where nothing of it does.
 */
export async function within(db: DuckDBConnection, sql: string, root: Node): Promise<string> {
  const wanted = shapeOf(root);
  for (const text of [sql, cut(sql)]) {
    const read = await db.runAndReadAll(
      `SELECT json_serialize_sql(${quote(`SELECT * FROM (${text}\n)`)}::VARCHAR)`,
    );
    const tree = JSON.parse(String(read.getRows()[0]?.[0])) as Tree;
    const from = tree.statements?.length === 1 ? tree.statements[0]!.node['from_table'] : undefined;
    if (isNode(from) && (shapeOf(innerOf(from)) === wanted || shapeOf(from) === shapeOf(root['from_table'])))
      return text;
  }
  throw new AuditError('SQL_ERROR', 'it can not stand between parentheses', {
    hint: 'leave out what stands behind the SELECT',
  });
}

interface Tree {
  readonly statements?: readonly { readonly node: Node }[];
}

const innerOf = ({ subquery }: Node): unknown => (isNode(subquery) ? subquery['node'] : undefined);

/** But for where in the text it stands. */
const shapeOf = (node: unknown): string =>
  JSON.stringify(node, (key, value: unknown) => (key === 'query_location' ? 0 : value)) ?? '';
