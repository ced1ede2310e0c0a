import { COLUMNS } from '../record/schema.ts';
import { quote } from './engine.ts';
import type { Payload } from './job.ts';
import { FROM_STRUCT, PAYLOAD_COLUMNS, uuidText } from './lines.ts';
import { recordsIn } from './payload.ts';

/**
 * The view `records`: `seq` (NULL while a record is open), every column of the schema with ids and hashes as text,
 * and for people latency_ms, ttft_ms, queue_ms and total_tokens.
 */
export function createView(
  files: readonly { readonly name: string; readonly payload: Payload }[],
  open: string | undefined,
): string {
  const parts: string[] = [];
  if (files.length > 0) {
    const names = files.map(f => quote(f.name)).join(', ');
    const firsts = files.map(f => f.payload.first).join(', ');
    parts.push(`SELECT ([${firsts}]::BIGINT[])[(file_index + 1)::BIGINT] + file_row_number::BIGINT AS seq, *
      FROM read_parquet([${names}], hive_partitioning = false)`);
  }
  if (open !== undefined)
    parts.push(`SELECT NULL::BIGINT AS seq, ${FROM_STRUCT} FROM ${recordsIn(open)} WHERE r IS NOT NULL`);
  if (parts.length === 0) parts.push(`SELECT NULL::BIGINT AS seq, ${empty()} WHERE false`);
  return `CREATE VIEW records AS SELECT seq, ${shown()} FROM (${parts.join(' UNION ALL ')})`;
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
