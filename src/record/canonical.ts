import { leafHash as leafOf } from '../merkle/tree.ts';
import { formatString } from './json.ts';
import { type AuditRecord, COLUMNS } from './schema.ts';

/** Column names in RFC 8785 order (UTF-16 code units), each with its `"name":`. */
const MEMBERS = COLUMNS.map(c => c.name)
  .sort((a, b) => (a < b ? -1 : 1))
  .map(name => ({ name, label: `"${name}":` }));

/** The RFC 8785 (JCS) object of the record's present columns: what is hashed, exported and kept. */
export function canonicalLine(record: AuditRecord): string {
  let out = '';
  for (const { name, label } of MEMBERS) {
    const value = record[name];
    if (value === undefined) continue;
    out += out === '' ? '{' : ',';
    out += label;
    out += canonicalValue(value);
  }
  return `${out}}`;
}

export const canonicalValue = (value: string | number | boolean): string =>
  typeof value === 'string' ? formatString(value) : String(value);

/** RFC 6962 leaf hash of a canonical line. */
export function leafHash(line: string | Uint8Array): Buffer {
  return leafOf(typeof line === 'string' ? Buffer.from(line, 'utf8') : line);
}
