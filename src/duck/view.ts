import { COLUMNS, DERIVED, REDACTED_LEAF } from '../record/schema.ts';
import { quote } from './engine.ts';
import type { JobTable } from './job.ts';
import { FROM_STRUCT, PAYLOAD_COLUMNS, selectLines, uuidText } from './lines.ts';
import { recordsIn } from './payload.ts';
import type { Opened } from './reading.ts';

export interface Sources {
  readonly opened: readonly Opened[];
  /** NDJSON of open segments. */
  readonly open: string | undefined;
  /** Only records before that place; undefined: all. */
  readonly below: number | undefined;
  /** Over the payload's own columns; undefined: all records. */
  readonly where: string | undefined;
}

/**
 * The view `records`: `seq` (NULL while a record is open), every column of the schema with ids and hashes as text,
 * and for people what DERIVED names.
 */
export function createView(sources: Sources): string {
  return `CREATE VIEW records AS SELECT seq, ${shown()} FROM (${rowsOf(sources)})`;
}

/**
 * The view `lines`, for export: what `records` has, and the canonical line of each, in the order of the log. Only where files
 * that were joined hold others' records between theirs, or lack some, does anything have to be sorted for it.
 */
export function createLinesView(sources: Sources): string {
  const rows = rowsOf(sources);
  const sorted = isInOrder(sources) ? rows : `SELECT * FROM (${rows}) ORDER BY seq NULLS LAST`;
  return `CREATE VIEW lines AS SELECT seq, ${shown()}, line FROM (${selectLines('*', `(${sorted})`)})`;
}

function isInOrder({ opened }: Sources): boolean {
  const isBehind = (o: Opened, before: Opened | undefined): boolean =>
    before === undefined || o.file.segments[0]!.first > before.file.segments.at(-1)!.first;
  return opened.every((o, i) => isRun(o) && !isRedacted(o) && isBehind(o, opened[i - 1]));
}

const isRedacted = ({ file: { segments } }: Opened): boolean => segments.some(s => s.redacted);

/** `seq` and the payload's columns. */
function rowsOf({ opened, open, below, where }: Sources): string {
  const filter = where === undefined ? '' : ` AND ${where}`;
  const parts: string[] = [];
  const kinds = [
    opened.filter(o => isRun(o) && !isRedacted(o)),
    opened.filter(o => isRun(o) && isRedacted(o)),
    opened.filter(o => !isRun(o)),
  ];
  for (const [kind, some] of kinds.entries()) {
    if (some.length === 0) continue;
    const names = some.map(o => quote(o.name)).join(', ');
    const from = `read_parquet([${names}], hive_partitioning = false)`;
    // A row of which only its hash is left is no record any more.
    const left = `${kind === 0 ? '' : ` AND ${REDACTED_LEAF} IS NULL`}${filter}`;
    const firsts = some.map(o => o.file.segments[0]!.first).join(', ');
    parts.push(
      some.every(isRun)
        ? `SELECT ([${firsts}]::BIGINT[])[(file_index + 1)::BIGINT] + file_row_number::BIGINT AS seq, *
      FROM ${from} WHERE true${left}`
        : `SELECT runs.shift + f.file_row_number AS seq, f.* FROM ${from} f JOIN runs ON runs.file = f.file_index
      AND runs.bucket = f.file_row_number >> ${shiftOf(some)} AND f.file_row_number BETWEEN runs.low AND runs.high WHERE true${left}`,
    );
  }
  // Before what is open: that has no place yet.
  if (below !== undefined && parts.length > 0)
    parts.splice(0, parts.length, `SELECT * FROM (${parts.join(' UNION ALL ')}) WHERE seq < ${below}`);
  if (open !== undefined)
    parts.push(`SELECT * FROM (SELECT NULL::BIGINT AS seq, ${FROM_STRUCT} FROM ${recordsIn(open)}
      WHERE r IS NOT NULL) WHERE true${filter}`);
  if (parts.length === 0) parts.push(`SELECT NULL::BIGINT AS seq, ${empty()} WHERE false`);
  return parts.join(' UNION ALL ');
}

/** Do its records stand one behind the other in the log too? */
function isRun({ file: { segments } }: Opened): boolean {
  return segments.every((s, i) => i === 0 || segments[i - 1]!.first + segments[i - 1]!.records === s.first);
}

/** So that a bucket of 2^shift rows meets about two runs. */
function shiftOf(opened: readonly Opened[]): number {
  const runs = opened.flatMap(o => o.file.segments);
  const rows = runs.reduce((sum, s) => sum + s.records, 0);
  return Math.max(0, Math.ceil(Math.log2(Math.max(1, rows / runs.length))));
}

/**
 * The table `runs`: of files whose records are not one run of the log, which rows are, and what makes places of them. A row's
 * bucket finds the few runs that it can be in by a hash join; a join by order would sort all rows.
 */
export function createRuns({ opened }: Sources): string {
  const some = opened.filter(o => !isRun(o));
  const shift = shiftOf(some);
  const rows: string[] = [];
  for (const [
    file,
    {
      file: { segments },
    },
  ] of some.entries()) {
    let low = 0;
    for (const { first, records } of segments) {
      const high = low + records - 1;
      for (let bucket = low >> shift; bucket <= high >> shift; bucket++)
        rows.push(`(${file}, ${bucket}, ${low}, ${high}, ${first - low})`);
      low += records;
    }
  }
  const values = rows.length === 0 ? 'SELECT 0, 0, 0, 0, 0 WHERE false' : `VALUES ${rows.join(', ')}`;
  return `CREATE TABLE runs AS SELECT * FROM (${values}) AS runs(file, bucket, low, high, shift)`;
}

function shown(): string {
  const columns = COLUMNS.map(({ name, type }) => {
    if (type === 'hash') return `lower(hex("${name}")) AS "${name}"`;
    return type === 'uuid' ? `${uuidText(`"${name}"`)} AS "${name}"` : `"${name}"`;
  });
  return [...columns, PEOPLES].join(', ');
}

const DERIVED_SQL: Readonly<Record<(typeof DERIVED)[number], string>> = {
  latency_ms: 'latency_us / 1000',
  ttft_ms: 'ttft_us / 1000',
  queue_ms: 'queue_us / 1000',
  total_tokens: 'coalesce(input_tokens + output_tokens, input_tokens, output_tokens)',
};

/** What people ask for, from the columns. */
export const PEOPLES: string = DERIVED.map(name => `${DERIVED_SQL[name]} AS ${name}`).join(', ');

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
