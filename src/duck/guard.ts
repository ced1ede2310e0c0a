import type { DuckDBConnection } from '@duckdb/node-api';
import { AuditError } from '../errors.ts';
import { quote } from './engine.ts';
import { BARE_CLOCKS, CLOCKS, FUNCTIONS, TABLE_FUNCTIONS } from './functions.ts';
import { noSuchColumn } from './trouble.ts';

/**
 * What a query may be: one SELECT, of whose parsed tree every part is one that is known here. Two more walls stand
 * behind this one: the engine has no access to files but those it was given, and its process has no environment.
 */
export interface Parsed {
  /** The statement's root node. */
  readonly root: Node;
  /** Views that it names. */
  readonly tables: ReadonlySet<string>;
  /** What makes its answer another one each time: functions and samples. */
  readonly unrepeatable: readonly string[];
}

export type Node = Record<string, unknown>;

/** The views that there are. */
const TABLES = ['records', 'requests', 'segments', 'entries', 'quarantine'] as const;

const CLASSES = new Set(
  `BETWEEN CASE CAST COLLATE COLUMN_REF COMPARISON CONJUNCTION CONSTANT FUNCTION LAMBDA LAMBDA_REF OPERATOR PARAMETER
  POSITIONAL_REFERENCE STAR SUBQUERY WINDOW`.split(/\s+/),
);
const TYPES = new Set(
  `SELECT_NODE SET_OPERATION_NODE RECURSIVE_CTE_NODE CTE_NODE BASE_TABLE SUBQUERY JOIN TABLE_FUNCTION EXPRESSION_LIST
  EMPTY SHOW_REF ORDER_MODIFIER LIMIT_MODIFIER LIMIT_PERCENT_MODIFIER DISTINCT_MODIFIER ORDER_DEFAULT ASCENDING DESCENDING
  INVALID`.split(/\s+/),
);

/** Throws SQL_ERROR for what is no SQL, SQL_REFUSED for what may not be asked. `own`: names of further views. */
export async function guard(db: DuckDBConnection, sql: string, own: readonly string[] = []): Promise<Parsed> {
  const serialized = (await db.runAndReadAll(`SELECT json_serialize_sql(${quote(sql)}::VARCHAR)`)).getRows();
  const tree = JSON.parse(String(serialized[0]?.[0])) as Tree;
  if (tree.error) {
    if (tree.error_type === 'not implemented') throw refused('only SELECT is answered here');
    throw new AuditError('SQL_ERROR', `${tree.error_message ?? 'not SQL'}${at(sql, tree.position)}`, {
      hint: HINT,
    });
  }
  if (tree.statements?.length !== 1) throw refused('one SELECT at a time');
  const root = tree.statements[0]!.node;
  const check = new Check(own);
  walk(root, node => check.names(node));
  walk(root, node => check.node(node));
  return { root, tables: check.tables, unrepeatable: [...check.unrepeatable] };
}

const HINT = `there are the tables ${TABLES.join(', ')}; \`slmaudit query "describe records"\` shows columns`;

interface Tree {
  readonly error: boolean;
  readonly error_type?: string;
  readonly error_message?: string;
  readonly position?: string;
  readonly statements?: readonly { readonly node: Node }[];
}

export const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null;

/** A name as the engine compares it: letters of ASCII in lower case, and no others, unlike toLowerCase(). */
export const folded = (name: unknown): string => String(name).replaceAll(/[A-Z]/g, c => c.toLowerCase());

export function walk(value: unknown, visit: (node: Node) => void): void {
  if (!isNode(value)) return;
  visit(value);
  for (const inner of Object.values(value)) walk(inner, visit);
}

const ENGINE_WORDS = new Set(
  'user current_user session_user current_role current_schema current_catalog'.split(' '),
);

class Check {
  readonly tables = new Set<string>();
  readonly unrepeatable = new Set<string>();
  readonly #known: ReadonlySet<string>;
  /** Names that WITH gives. */
  readonly #given = new Set<string>();
  /** Names that columns are given. */
  readonly #aliases = new Set<string>();

  constructor(own: readonly string[]) {
    this.#known = new Set([...TABLES, ...own]);
  }

  names(node: Node): void {
    const map = node['cte_map'];
    if (isNode(map) && Array.isArray(map['map']))
      for (const cte of map['map'] as Node[]) this.#given.add(this.#cteName(cte['key']));
    if (typeof node['cte_name'] === 'string') this.#given.add(this.#cteName(node['cte_name']));
    for (const alias of [node['alias'], node['column_name_alias'], node['aliases']].flat())
      if (typeof alias === 'string') this.#aliases.add(folded(alias));
  }

  /** A name of its own, that nothing in the engine's catalog has. */
  #cteName(key: unknown): string {
    const name = folded(key);
    const plain = /^[a-z_][a-z0-9_]*$/.test(name);
    if (
      plain &&
      !this.#known.has(name) &&
      !/^(?:duckdb|pragma|pg|sqlite|information|which|show)_?/.test(name)
    )
      return name;
    throw refused(`choose another name than ${JSON.stringify(key)} in WITH`);
  }

  node(node: Node): void {
    const { type, class: kind, function_name: called } = node;
    if (kind !== undefined && !(typeof kind === 'string' && CLASSES.has(kind)))
      throw refused(`${JSON.stringify(kind)} is not known here`);
    if (
      kind === undefined &&
      typeof type === 'string' &&
      !TYPES.has(type) &&
      !/^[A-Z_]+_TYPE_INFO$/.test(type)
    )
      throw refused(`${type} is not known here`);
    if (type === 'BASE_TABLE') this.#table(node);
    if (type === 'TABLE_FUNCTION') this.#tableFunction(node);
    if (type === 'SHOW_REF') this.#show(node);
    if (typeof called === 'string') this.#call(called, node);
    if (kind === 'COLUMN_REF') this.#column(node['column_names']);
    if (isNode(node['sample'])) this.unrepeatable.add('a sample');
  }

  /** SQL has words that look like columns and are none: `select user` would say who runs the engine. */
  #column(names: unknown): void {
    const [name, more] = names as readonly [string, string?];
    const word = folded(name);
    if (more !== undefined || this.#aliases.has(word)) return;
    if (BARE_CLOCKS.has(word)) this.unrepeatable.add(word);
    if (ENGINE_WORDS.has(word)) throw noSuchColumn(name);
  }

  #table(node: Node): void {
    const name = folded(node['table_name']);
    const plain = node['schema_name'] === '' && node['catalog_name'] === '' && node['at_clause'] == null;
    if (!plain || !(this.#known.has(name) || this.#given.has(name)))
      throw refused(`there is no table ${JSON.stringify(node['table_name'])}`);
    if (this.#known.has(name)) this.tables.add(name);
  }

  #tableFunction(node: Node): void {
    const called = isNode(node['function']) ? String(node['function']['function_name']) : '';
    if (!TABLE_FUNCTIONS.has(folded(called))) throw refused(`${called} may not be read from`);
  }

  /** `describe records`, `summarize select ...`: a table by its name, or a query that is looked at like any. */
  #show(node: Node): void {
    const [type, name] = [String(node['show_type']), String(node['table_name']).replaceAll('"', '')];
    const plain = !node['schema_name'] && !node['catalog_name'];
    if (!plain || !['DESCRIBE', 'SUMMARY'].includes(type) || !(name === '' || this.#known.has(name)))
      throw refused('`describe` and `summarize` take the name of a table here, or a SELECT');
    if (name !== '') this.tables.add(name);
  }

  #call(called: string, node: Node): void {
    const name = folded(called);
    // The parser itself says `main` where it makes a call of a list, a struct, EXTRACT or AT TIME ZONE.
    const plain = (node['schema'] === '' || node['schema'] === 'main') && node['catalog'] === '';
    if (!FUNCTIONS.has(name) || !plain) throw refused(`${called} may not be called`);
    if (CLOCKS.has(name)) this.unrepeatable.add(`${name}()`);
  }
}

function refused(what: string): AuditError {
  return new AuditError('SQL_REFUSED', `refused: ${what}`, { hint: HINT });
}

function at(sql: string, position: string | undefined): string {
  const offset = Number(position ?? NaN);
  if (!Number.isInteger(offset) || offset < 0 || offset > sql.length) return '';
  const before = sql.slice(0, offset).split('\n');
  const line = sql.split('\n')[before.length - 1]!;
  return `\nLINE ${before.length}: ${line}\n${' '.repeat(`LINE ${before.length}: `.length + before.at(-1)!.length)}^`;
}
