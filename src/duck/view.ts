import { COLUMNS } from '../record/schema.ts';
import { quote } from './engine.ts';
import type { JobTable } from './job.ts';
import { FROM_STRUCT, PAYLOAD_COLUMNS, selectLines, uuidText } from './lines.ts';
import { recordsIn } from './payload.ts';
import type { Opened } from './reading.ts';

export interface Sources {
  readonly opened: readonly Opened[];
  /** NDJSON of open segments. */
  readonly open: string | undefined;
  /** Over the payload's own columns; undefined: all records. */
  readonly where: string | undefined;
}

/**
 * The view `records`: `seq` (NULL while a record is open), every column of the schema with ids and hashes as text,
 * and for people latency_ms, ttft_ms, queue_ms and total_tokens.
 */
export function createView(sources: Sources): string {
  return `CREATE VIEW records AS SELECT seq, ${shown()} FROM (${rowsOf(sources)})`;
}

/** The view `lines`, for export: what `records` has, and the canonical line of each. */
export function createLinesView(sources: Sources): string {
  return `CREATE VIEW lines AS SELECT seq, ${shown()}, line FROM (${selectLines('*', `(${rowsOf(sources)})`)})`;
}

/** `seq` and the payload's columns. */
function rowsOf({ opened, open, where }: Sources): string {
  const filter = where === undefined ? '' : ` AND ${where}`;
  const parts: string[] = [];
  if (opened.length > 0) {
    const names = opened.map(o => quote(o.name)).join(', ');
    const firsts = opened.map(o => o.segment.first).join(', ');
    parts.push(`SELECT ([${firsts}]::BIGINT[])[(file_index + 1)::BIGINT] + file_row_number::BIGINT AS seq, *
      FROM read_parquet([${names}], hive_partitioning = false) WHERE true${filter}`);
  }
  if (open !== undefined)
    parts.push(`SELECT * FROM (SELECT NULL::BIGINT AS seq, ${FROM_STRUCT} FROM ${recordsIn(open)}
      WHERE r IS NOT NULL) WHERE true${filter}`);
  if (parts.length === 0) parts.push(`SELECT NULL::BIGINT AS seq, ${empty()} WHERE false`);
  return parts.join(' UNION ALL ');
}

function shown(): string {
  const columns = COLUMNS.map(({ name, type }) => {
    if (type === 'hash') return `lower(hex("${name}")) AS "${name}"`;
    return type === 'uuid' ? `${uuidText(`"${name}"`)} AS "${name}"` : `"${name}"`;
  });
  return [...columns, PEOPLES].join(', ');
}

/** What people ask for, from the columns. */
export const PEOPLES: string = [
  ...['latency', 'ttft', 'queue'].map(n => `${n}_us / 1000 AS ${n}_ms`),
  'coalesce(input_tokens + output_tokens, input_tokens, output_tokens) AS total_tokens',
].join(', ');

function empty(): string {
  return PAYLOAD_COLUMNS.map(c => `NULL::${c.type} AS "${c.name}"`).join(', ');
}

/** A view over NDJSON that the parent of this process has written. */
export function createTableView(name: string, { path, columns }: JobTable): string {
  const types = Object.entries(columns).map(([column, type]) => `${quote(column)}: ${quote(type)}`);
  return `CREATE TABLE "${name}" AS SELECT * FROM read_json(${quote(path)}, format = 'newline_delimited',
    maximum_object_size = 1048576, columns = {${types.join(', ')}})`;
}

/**
 * `ip_key(client_ip)`: addresses as text that sorts as they do, IPv4 before IPv6, so that a network is a range:
 * `4` and 8 hex digits, `6` and 32. NULL for what is no address, such as a hashed one.
 */
export const CREATE_IP_KEY = `CREATE MACRO ip_key(ip) AS CASE
  WHEN regexp_full_match(ip, '[0-9]+\\.[0-9]+\\.[0-9]+\\.[0-9]+') THEN printf('4%02x%02x%02x%02x',
    split_part(ip, '.', 1)::INT, split_part(ip, '.', 2)::INT, split_part(ip, '.', 3)::INT, split_part(ip, '.', 4)::INT)
  WHEN regexp_full_match(ip, '[0-9a-f:]*:[0-9a-f:]*') THEN '6' || array_to_string(list_transform(
    CASE WHEN contains(ip, '::') THEN
      list_concat(list_filter(string_split(split_part(ip, '::', 1), ':'), lambda g: g <> ''),
        list_resize([]::VARCHAR[], 8 - len(list_filter(string_split(replace(ip, '::', ':'), ':'), lambda g: g <> '')), '0'),
        list_filter(string_split(split_part(ip, '::', 2), ':'), lambda g: g <> ''))
    ELSE string_split(ip, ':') END, lambda g: lpad(g, 4, '0')), '') END`;
