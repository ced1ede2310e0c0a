import type { Entry } from './entry.ts';
import { type EntryLine, malformed } from './line.ts';

/**
 * `slmaudit/recordkey/v1`: from here on records are hashed under another record key. Its own line:
 *
 *     recordkey <8 hex digits>
 */
export const recordKeyLines = (id: string): EntryLine[] => [{ key: 'recordkey', values: [id] }];

/** The id of the key. Throws ENTRY_MALFORMED. */
export function parseRecordKey(entry: Entry): string {
  const [line] = entry.lines;
  const id = line?.values[0] ?? '';
  const whole = entry.kind === 'recordkey' && entry.version === 1 && !entry.records;
  const single = entry.lines.length === 1 && line?.key === 'recordkey' && line.values.length === 1;
  if (!whole || !single || !/^[0-9a-f]{8}$/.test(id)) throw malformed('not a record key');
  return id;
}
