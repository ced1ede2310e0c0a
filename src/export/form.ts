import { type AuditRecord, type ColumnName, COLUMNS } from '../record/schema.ts';

/** One way of writing records down, a line each. Pure: a record becomes the same text anywhere. */
export interface Form {
  readonly about: string;
  /** Without a line feed. `seq`: its place in the log, null until it is sealed. */
  readonly line: (record: AuditRecord, seq: number | null) => string;
}

/** Undefined where no member has a value, so that no empty object is written. */
export function some<T extends object>(object: T): T | undefined {
  return Object.values(object).some(value => value !== undefined) ? object : undefined;
}

/** The columns for which a form has no name of its own, under theirs. */
export function restOf(mapped: readonly ColumnName[]): (record: AuditRecord) => Partial<AuditRecord> {
  const out: ReadonlySet<string> = new Set([...mapped, 'labels', 'extra']);
  const names = COLUMNS.map(c => c.name).filter(name => !out.has(name));
  return record =>
    Object.fromEntries(names.filter(name => record[name] !== undefined).map(name => [name, record[name]]));
}

/** JSON text of an object with one more member, whose value is JSON text already: its numbers keep their digits. */
export function withRaw(text: string, name: string, raw: string | undefined): string {
  if (raw === undefined) return text;
  return `${text.slice(0, -1)}${text === '{}' ? '' : ','}${JSON.stringify(name)}:${raw}}`;
}

/** An address, not the keyed hash of one. */
export const isAddress = (ip: string | undefined): boolean => ip !== undefined && !ip.startsWith('hmac:');
