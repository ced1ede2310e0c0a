import type { Entry } from './entry.ts';
import { type EntryLine, malformed } from './line.ts';

/**
 * `slmaudit/rekey/v1`: the log goes on under a new epoch key although the key that the entry before named is lost, or
 * somebody else's too. Signed by the recovery key that genesis names, and by nothing else. Its own line:
 *
 *     reason lost|leaked
 */
export type RekeyReason = 'lost' | 'leaked';
export const REKEY_REASONS: readonly RekeyReason[] = ['lost', 'leaked'];

export const rekeyLines = (reason: RekeyReason): EntryLine[] => [{ key: 'reason', values: [reason] }];

/** Throws ENTRY_MALFORMED. */
export function parseRekey(entry: Entry): RekeyReason {
  const [line] = entry.lines;
  const reason = REKEY_REASONS.find(r => r === line?.values[0]);
  const whole = entry.kind === 'rekey' && entry.version === 1 && !entry.records && entry.next !== undefined;
  if (!whole || entry.lines.length !== 1 || line?.key !== 'reason' || line.values.length !== 1 || !reason)
    throw malformed('not a rekey');
  return reason;
}
