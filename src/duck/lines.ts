import { type Column, COLUMNS, type ColumnType, REDACTED_LEAF } from '../record/schema.ts';

/**
 * SQL made from the table of columns: open segment → payload, and payload → canonical lines and leaf hashes. The
 * definition of the canonical line is SPEC 6; this and canonicalLine() in TypeScript agree on every value.
 */
const PARQUET_TYPES: Readonly<Record<ColumnType, string>> = {
  int16: 'SMALLINT',
  int32: 'INTEGER',
  int64: 'BIGINT',
  text: 'VARCHAR',
  bool: 'BOOLEAN',
  ts: 'TIMESTAMP WITH TIME ZONE',
  uuid: 'BLOB',
  hash: 'BLOB',
  json: 'VARCHAR',
};

/** Names and types of a payload's columns, in their order. */
export const PAYLOAD_COLUMNS: readonly { name: string; type: string }[] = [
  ...COLUMNS.map(({ name, type }) => ({ name, type: PARQUET_TYPES[type] })),
  { name: REDACTED_LEAF, type: 'BLOB' },
];

/** The members of an open segment's record as DuckDB's JSON reader takes them. */
export const RECORD_STRUCT: string = `STRUCT(${COLUMNS.map(({ name, type }) => `"${name}" ${jsonType(type)}`).join(', ')})`;

function jsonType(type: ColumnType): string {
  return type === 'uuid' || type === 'hash' ? 'VARCHAR' : PARQUET_TYPES[type];
}

/** The payload's columns from a struct `r` of RECORD_STRUCT. */
export const FROM_STRUCT: string = [
  ...COLUMNS.map(({ name, type }) => `${fromStruct(name, type)} AS "${name}"`),
  `NULL::BLOB AS "${REDACTED_LEAF}"`,
].join(', ');

function fromStruct(name: string, type: ColumnType): string {
  if (type === 'uuid') return `unhex(replace(r."${name}", '-', ''))`;
  return type === 'hash' ? `unhex(r."${name}")` : `r."${name}"`;
}

function value({ name, type }: Column): string {
  const column = `"${name}"`;
  switch (type) {
    case 'text':
    case 'json':
      return `to_json(${column})::VARCHAR`;
    case 'ts':
      // Of a time without zone: with one, it goes through a calendar, 0.21 µs instead of 0.07.
      return `strftime(make_timestamp(epoch_us(${column})), '"%Y-%m-%dT%H:%M:%S.%fZ"')`;
    case 'hash':
      return `'"' || lower(hex(${column})) || '"'`;
    case 'uuid':
      return `'"' || ${uuidText(column)} || '"'`;
    case 'bool':
      return `CASE WHEN ${column} THEN 'true' WHEN NOT ${column} THEN 'false' END`;
    default:
      // A function is called once for each entry of a dictionary that a column has; a cast is made in each row.
      return `to_json(${column})::VARCHAR`;
  }
}

/** Lower-case UUID text of 16 bytes; of what else stands there, hex in the same groups. A cast takes 0.03 µs, the groups 0.3. */
export function uuidText(column: string): string {
  return `CASE WHEN octet_length(${column}) = 16 THEN ${column}::UUID::VARCHAR ELSE ${hexInGroups(column)} END`;
}

function hexInGroups(column: string): string {
  const hex = `lower(hex(${column}))`;
  const parts = [
    [1, 8],
    [9, 4],
    [13, 4],
    [17, 4],
    // All that is left: a byte that no line shows would be in no root.
    [21],
  ].map(place => `substr(${[hex, ...place].join(', ')})`);
  return parts.join(` || '-' || `);
}

/** RFC 8785's members, but for the nine escapes below. */
const MEMBERS = [...COLUMNS]
  .sort((a, b) => (a.name < b.name ? -1 : 1))
  // concat drops NULLs, and with them the absent member's name.
  .map(c => `',"${c.name}":' || ${value(c)}`)
  .join(', ');

/** Control characters that have a letter in their number and no short escape: DuckDB writes `\u000B`, RFC 8785 `\u000b`. */
const UPPER = [0x0b, 0x0e, 0x0f, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f];

/** Of a line that has escapes of control characters. An escaped backslash is set aside as a byte that no line holds. */
const LOWERED = UPPER.reduce((sql, code) => {
  const escape = `\\u00${code.toString(16).toUpperCase().padStart(2, '0')}`;
  return `replace(${sql}, '${escape}', '${escape.toLowerCase()}')`;
}, `replace(fast, '\\\\', chr(1))`);

const SPELLED = `CASE WHEN contains(fast, '\\u00') THEN replace(${LOWERED}, chr(1), '\\\\') ELSE fast END`;

/** `SELECT <columns>, line FROM <from>`: each row's canonical line. */
export function selectLines(columns: string, from: string): string {
  return `SELECT ${columns}, ${SPELLED} AS line
    FROM (SELECT *, '{' || substr(concat(${MEMBERS}), 2) || '}' AS fast FROM ${from})`;
}

/**
 * `SELECT <columns>, message FROM <from>`: of each row what its leaf hash is the SHA-256 of, 0x00 ‖ line, but with a comma in the place of
 * the line's brace, which is two copies of every line less.
 */
export function selectMessages(columns: string, from: string): string {
  return `SELECT ${columns}, ${SPELLED} AS message FROM (SELECT *, concat(chr(0), ${MEMBERS}, '}') AS fast FROM ${from})`;
}

/** Lower-case hex of the RFC 6962 leaf hash; a redacted row states it. For some rows: many are hashed in leaves.ts. */
export const LEAF_HEX: string = `CASE WHEN "${REDACTED_LEAF}" IS NULL THEN sha256(chr(0) || line) ELSE lower(hex("${REDACTED_LEAF}")) END`;
