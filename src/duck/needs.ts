import type { DuckDBConnection } from '@duckdb/node-api';
import { columnOf } from '../record/schema.ts';
import { quote } from './engine.ts';
import { CLOCKS } from './functions.ts';
import { folded, isNode, type Node, type Parsed, walk } from './guard.ts';

/**
 * Which records can matter to a query, found in its WHERE: more than it needs, never less. It is used to leave segments
 * unread, and to compare hashes and ids as bytes.
 */
export type Needs =
  | true
  | { readonly all: readonly Needs[] }
  | { readonly any: readonly Needs[] }
  /** Microseconds since 1970, both ends included. */
  | { readonly from?: number; readonly to?: number }
  | { readonly column: string; readonly values: readonly string[] };

/** Every SELECT straight from `records` (or one of `views`, which has its rows) is looked at by itself; any other use needs all. */
export async function needsOf(
  db: DuckDBConnection,
  { root, tables }: Parsed,
  parameters: Readonly<Record<string, string>>,
  views: readonly string[],
): Promise<Needs> {
  if (tables.has('requests')) return true;
  const isTable = (node: unknown): node is Node =>
    isNode(node) && node['type'] === 'BASE_TABLE' && views.includes(folded(node['table_name']));
  const selects: Node[] = [];
  let uses = 0;
  walk(root, node => {
    if (isTable(node)) uses++;
    const from = node['from_table'];
    const renamed = isTable(from) && (from['column_name_alias'] as unknown[]).length > 0;
    // A sample is drawn before WHERE, wherever it is written.
    const sampled = isTable(from) && (isNode(from['sample']) || isNode(node['sample']));
    if (isTable(from) && !renamed && !sampled) selects.push(node);
  });
  if (selects.length === 0 || uses > selects.length) return true;
  const each: Needs[] = [];
  for (const select of selects) {
    const reader = new Reader(db, parameters, nameOfTable(select['from_table'] as Node));
    each.push(await reader.condition(select['where_clause']));
  }
  return anyOf(each);
}

/** `true` needs nothing, and adds nothing. */
export function allOf(all: readonly Needs[]): Needs {
  const some = all.filter(n => n !== true);
  return some.length === 0 ? true : some.length === 1 ? some[0]! : { all: some };
}

function anyOf(any: readonly Needs[]): Needs {
  return any.includes(true) ? true : any.length === 1 ? any[0]! : { any };
}

/** Could a segment hold a record that is needed? `has`: false where it surely has no such value. */
export function mayHold(
  needs: Needs,
  span: { readonly from: number; readonly to: number },
  has: (column: string, value: string) => boolean,
): boolean {
  if (needs === true) return true;
  if ('all' in needs) return needs.all.every(n => mayHold(n, span, has));
  if ('any' in needs) return needs.any.some(n => mayHold(n, span, has));
  if ('column' in needs) return needs.values.some(value => has(needs.column, value));
  return (needs.from ?? -Infinity) <= span.to && (needs.to ?? Infinity) >= span.from;
}

/** Is there a condition on one of these columns? */
export function asksFor(needs: Needs, columns: readonly string[]): boolean {
  if (needs === true) return false;
  if ('all' in needs) return needs.all.some(n => asksFor(n, columns));
  if ('any' in needs) return needs.any.some(n => asksFor(n, columns));
  return 'column' in needs && columns.includes(needs.column);
}

const HEX = /^(?:[0-9a-f]{2})+$/;

/** The conditions on hashes and ids as SQL over a payload's own columns; undefined where there are none. */
export function bytesCondition(needs: Needs): string | undefined {
  if (needs === true) return undefined;
  if ('all' in needs) {
    const all = needs.all.map(bytesCondition).filter(c => c !== undefined);
    return all.length === 0 ? undefined : `(${all.join(' AND ')})`;
  }
  if ('any' in needs) {
    const any = needs.any.map(bytesCondition);
    return any.includes(undefined) ? undefined : `(${any.join(' OR ')})`;
  }
  if (!('column' in needs)) return undefined;
  const type = columnOf(needs.column)?.type;
  if (type !== 'hash' && type !== 'uuid') return undefined;
  // What isn't written as views write it equals nothing there.
  const values = needs.values
    .map(v => (type === 'uuid' ? v.replaceAll('-', '') : v))
    .filter(v => HEX.test(v))
    .map(v => `unhex('${v}')`);
  return values.length === 0 ? 'false' : `"${needs.column}" IN (${values.join(', ')})`;
}

class Reader {
  readonly #db: DuckDBConnection;
  readonly #parameters: Readonly<Record<string, string>>;
  /** What the table is called in the SELECT: a column of any other is an outer query's. */
  readonly #table: string;

  constructor(db: DuckDBConnection, parameters: Readonly<Record<string, string>>, table: string) {
    this.#db = db;
    this.#parameters = parameters;
    this.#table = table;
  }

  async condition(node: unknown): Promise<Needs> {
    if (!isNode(node)) return true;
    const children = (node['children'] ?? []) as Node[];
    switch (node['type']) {
      case 'CONJUNCTION_AND':
        return allOf(await Promise.all(children.map(c => this.condition(c))));
      case 'CONJUNCTION_OR':
        return anyOf(await Promise.all(children.map(c => this.condition(c))));
      case 'COMPARE_BETWEEN':
        return this.#nameOf(node['input']) === 'ts'
          ? this.#span(await this.#micros(node['lower']), await this.#micros(node['upper'], true))
          : true;
      case 'COMPARE_IN':
        return this.#oneOf(this.#nameOf(children[0]), children.slice(1));
      case 'COMPARE_EQUAL':
        return this.#compare(node, '=');
      case 'COMPARE_GREATERTHAN':
      case 'COMPARE_GREATERTHANOREQUALTO':
        return this.#compare(node, '>');
      case 'COMPARE_LESSTHAN':
      case 'COMPARE_LESSTHANOREQUALTO':
        return this.#compare(node, '<');
      default:
        return true;
    }
  }

  async #compare(node: Node, sign: '=' | '>' | '<'): Promise<Needs> {
    const turned = this.#nameOf(node['left']) === undefined;
    const [column, value] = turned ? [node['right'], node['left']] : [node['left'], node['right']];
    const name = this.#nameOf(column);
    if (name !== 'ts') return sign === '=' ? this.#oneOf(name, [value]) : true;
    const isLower = sign === (turned ? '<' : '>');
    return this.#span(
      sign === '=' || isLower ? await this.#micros(value) : undefined,
      sign === '=' || !isLower ? await this.#micros(value, true) : undefined,
    );
  }

  /** A column's name, if it is one of the table. */
  #nameOf(node: unknown): string | undefined {
    if (!isNode(node) || node['class'] !== 'COLUMN_REF') return undefined;
    const names = (node['column_names'] as readonly string[]).map(folded);
    if (names.length === 1) return names[0];
    return names.length === 2 && names[0] === this.#table ? names[1] : undefined;
  }

  #span(from: number | undefined, to: number | undefined): Needs {
    if (from === undefined && to === undefined) return true;
    return { ...(from !== undefined && { from }), ...(to !== undefined && { to }) };
  }

  #oneOf(column: string | undefined, values: readonly unknown[]): Needs {
    if (column === undefined || !COMPARED.has(column)) return true;
    const texts = values.map(v => this.#textOf(v));
    return texts.includes(undefined) ? true : { column, values: texts as string[] };
  }

  #textOf(node: unknown): string | undefined {
    if (!isNode(node)) return undefined;
    if (node['type'] === 'VALUE_PARAMETER') return this.#parameters[String(node['identifier'])];
    const value = node['value'];
    if (node['type'] !== 'VALUE_CONSTANT' || !isNode(value) || !isNode(value['type'])) return undefined;
    return value['type']['id'] === 'VARCHAR' && typeof value['value'] === 'string'
      ? value['value']
      : undefined;
  }

  /** A time that doesn't depend on a record, as the engine reads it; undefined for one that may be another while the query runs. */
  async #micros(node: unknown, isUpper = false): Promise<number | undefined> {
    let constant = isUpper ? !hasClock(node) : rises(node);
    walk(node, n => {
      if (['COLUMN_REF', 'SUBQUERY', 'STAR', 'POSITIONAL_REFERENCE', 'WINDOW'].includes(String(n['class'])))
        constant = false;
      if (n['type'] === 'VALUE_PARAMETER' && this.#parameters[String(n['identifier'])] === undefined)
        constant = false;
      // Such a number was rounded when the tree was read.
      if (isNode(n['value']) && !survives(n['value']['value'])) constant = false;
    });
    if (!constant) return undefined;
    try {
      const rows = await this.#db.runAndReadAll(
        `SELECT epoch_us(v::TIMESTAMPTZ) FROM json_execute_serialized_sql(${quote(await this.#selected(node))}) AS t(v)`,
      );
      const micros = rows.getRows()[0]?.[0];
      return typeof micros === 'bigint' ? Number(micros) : undefined;
    } catch {
      // The query itself will say what is wrong with it.
      return undefined;
    }
  }

  /** The tree of a SELECT of this expression, its parameters put in: text made from it is not always the same expression. */
  async #selected(node: unknown): Promise<string> {
    const given = JSON.parse(JSON.stringify(node), (_, value: unknown) =>
      isNode(value) && value['type'] === 'VALUE_PARAMETER'
        ? textConstant(this.#parameters[String(value['identifier'])]!)
        : value,
    ) as unknown;
    const rows = await this.#db.runAndReadAll(`SELECT json_serialize_sql('SELECT 0')`);
    const tree = JSON.parse(String(rows.getRows()[0]?.[0])) as {
      statements: [{ node: { select_list: unknown[] } }];
    };
    tree.statements[0].node.select_list = [given];
    // Places in the text are u64: they don't survive JSON here.
    return JSON.stringify(tree, (key, value: unknown) => (key === 'query_location' ? 0 : value));
  }
}

/** Clocks that never go back; the others start anew each day. */
const RISING = new Set([...CLOCKS].filter(name => !name.endsWith('time')));
const RISING_TYPES = new Set(['DATE', 'TIMESTAMP', 'TIMESTAMP WITH TIME ZONE']);

function hasClock(node: unknown): boolean {
  let has = false;
  walk(node, n => {
    if (CLOCKS.has(folded(n['function_name']))) has = true;
  });
  return has;
}

/** Is it never less when it is asked later? A lower end that rises while the query waits needs less, not more. */
function rises(node: unknown): boolean {
  if (!hasClock(node)) return true;
  if (!isNode(node)) return false;
  const [first, second, ...more] = (node['children'] ?? []) as unknown[];
  const called = folded(node['function_name']);
  if (RISING.has(called)) return !hasClock(node['children']);
  if (called === '+' || called === '-') return more.length === 0 && rises(first) && !hasClock(second);
  if (called === 'date_trunc') return !hasClock(first) && rises(second);
  const cast = node['cast_type'];
  return isNode(cast) && RISING_TYPES.has(String(cast['id'])) && rises(node['child']);
}

/** Numbers that JSON kept as they were; HUGEINT and beyond are pairs of them. */
function survives(value: unknown): boolean {
  if (typeof value === 'number') return !Number.isInteger(value) || Number.isSafeInteger(value);
  return !isNode(value) || Object.values(value).every(survives);
}

/** Compared as text with no collation, as views show them. */
const COMPARED = new Set([
  'event_id',
  'prompt_hash',
  'completion_hash',
  'last_user_hash',
  'user_id',
  'client_ip',
  'api_key_id',
]);

/** Its alias, if it has one. */
function nameOfTable(table: Node): string {
  const alias = table['alias'];
  return folded(typeof alias === 'string' && alias !== '' ? alias : table['table_name']);
}

const textConstant = (value: string): Node => ({
  class: 'CONSTANT',
  type: 'VALUE_CONSTANT',
  alias: '',
  query_location: 0,
  value: { type: { id: 'VARCHAR', type_info: null }, is_null: false, value },
});
