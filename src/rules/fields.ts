import { type Column, COLUMNS, DERIVED } from '../record/schema.ts';

/**
 * What a field of a rule is in SQL, and how its values compare. `any`: of nothing but a name is known.
 * `word`: one of a few, in lower case; `hex`: in lower case.
 */
export interface Field {
  readonly sql: string;
  readonly kind: 'text' | 'word' | 'hex' | 'address' | 'number' | 'bool' | 'time' | 'any';
  /** Of a word: which there are. */
  readonly oneOf?: readonly string[];
  /** Of a number: never below 0. */
  readonly positive?: boolean;
}

/** Field names of Sigma's categories webserver and proxy that say what a column says. */
const TAXONOMY: Readonly<Record<string, string>> = {
  'c-ip': 'client_ip',
  'c-useragent': 'user_agent',
  'cs-user-agent': 'user_agent',
  'sc-status': 'http_status',
  'cs-uri-stem': 'endpoint',
  'cs-username': 'user_id',
};

const quoted = (name: string): string => `"${name}"`;

function fieldOf({ name, type, oneOf, min }: Column): Field {
  const sql = quoted(name);
  if (oneOf) return { sql, kind: 'word', oneOf };
  if (name === 'client_ip') return { sql, kind: 'address' };
  if (type === 'hash' || type === 'uuid') return { sql, kind: 'hex' };
  if (type === 'bool') return { sql, kind: 'bool' };
  if (type === 'ts') return { sql, kind: 'time' };
  if (type === 'text' || type === 'json') return { sql, kind: 'text' };
  return { sql, kind: 'number', ...(min !== undefined && { positive: true }) };
}

const number = (name: string): readonly [string, Field] => [
  name,
  { sql: quoted(name), kind: 'number', positive: true },
];

/** Fields of `records`: its columns, and what the view adds. */
const RECORD_FIELDS: ReadonlyMap<string, Field> = new Map([
  ...COLUMNS.map(c => [c.name, fieldOf(c)] as const),
  ...['seq', ...DERIVED].map(number),
]);

/** `labels.team`, `extra.a.b`: what stands in a column of JSON. */
const INSIDE = /^(labels|extra)((?:\.[A-Za-z0-9_-]{1,60}){1,6})$/;

export function recordField(name: string): Field | undefined {
  const known = RECORD_FIELDS.get(TAXONOMY[name] ?? name);
  if (known) return known;
  const inside = INSIDE.exec(name);
  if (!inside) return undefined;
  const path = inside[2]!
    .slice(1)
    .split('.')
    .map(step => `."${step}"`)
    .join('');
  return { sql: `json_extract_string("${inside[1]}", '$${path}')`, kind: 'text' };
}

export const RECORD_NAMES: readonly string[] = [...RECORD_FIELDS.keys(), ...Object.keys(TAXONOMY)];

/** What a keyword is looked for in. */
export const RECORD_TEXTS: readonly string[] = COLUMNS.filter(
  c => c.type === 'text' || c.type === 'json',
).map(c => quoted(c.name));
