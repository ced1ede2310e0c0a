import type { DuckDBValue } from '@duckdb/node-api';
import { duckdb } from './binding.ts';
import type { Cell } from './job.ts';

const {
  DuckDBBlobValue,
  DuckDBDateValue,
  DuckDBDecimalValue,
  DuckDBListValue,
  DuckDBMapValue,
  DuckDBStructValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
} = duckdb;

/**
 * A value of DuckDB's as JSON people can rely on: integers as numbers, as digits in a string only beyond 2^53-1;
 * times RFC 3339 with Z and six digits; bytes as lower-case hex; what JSON has no form for as its text.
 */
export function cellOf(value: DuckDBValue): Cell {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  if (value instanceof DuckDBTimestampTZValue || value instanceof DuckDBTimestampValue)
    return instant(value.micros);
  if (value instanceof DuckDBDateValue) return value.toString();
  if (value instanceof DuckDBDecimalValue) return decimal(value.toString());
  if (value instanceof DuckDBBlobValue) return Buffer.from(value.bytes).toString('hex');
  if (value instanceof DuckDBListValue) return value.items.map(cellOf);
  if (value instanceof DuckDBStructValue) return members(Object.entries(value.entries));
  if (value instanceof DuckDBMapValue)
    return members(value.entries.map(({ key, value: v }) => [textOf(cellOf(key)), v]));
  return value.toString();
}

function members(entries: readonly (readonly [string, DuckDBValue])[]): Cell {
  return Object.fromEntries(entries.map(([name, value]) => [name, cellOf(value)]));
}

export function textOf(cell: Cell): string {
  return typeof cell === 'string' ? cell : JSON.stringify(cell);
}

const LAST = 253_402_300_799_999_999n;

function instant(micros: bigint): string {
  if (micros > LAST || micros < -62_135_596_800_000_000n) return micros > 0n ? 'infinity' : '-infinity';
  const below = ((micros % 1000n) + 1000n) % 1000n;
  const whole = new Date(Number((micros - below) / 1000n)).toISOString();
  return `${whole.slice(0, 23)}${String(below).padStart(3, '0')}Z`;
}

/** As a number where that says the same digits. */
function decimal(text: string): Cell {
  const trimmed = text.includes('.') ? text.replace(/\.?0+$/, '') : text;
  return String(Number(trimmed)) === trimmed ? Number(trimmed) : text;
}
