import { AuditError } from '../errors.ts';
import type { Verified } from './columns.ts';

/** Which segments' payloads and quarantine are checked. Times are `ts` of records, both ends count. */
export interface Only {
  readonly since?: string;
  readonly until?: string;
  readonly segments?: readonly [from: number, to: number];
}

/** Does the segment lie in that range, by its records' times, or without records by when it was sealed? */
export function isMeant(
  { segment, span, at }: Pick<Verified, 'segment' | 'span' | 'at'>,
  only: Only | undefined,
): boolean {
  const [first, last] = only?.segments ?? [0, Infinity];
  if (segment < first || segment > last) return false;
  const { from, to } = span ?? { from: at, to: at };
  return (only?.until ?? from) >= from && (only?.since ?? to) <= to;
}

/** `segments`: how many the log has. */
export function nothingMeant(segments: number): AuditError {
  return new AuditError('NOTHING_CHECKED', 'no segment lies in that range', {
    hint:
      segments === 0
        ? 'the log has no segments yet'
        : `the log has segments 0 to ${segments - 1}; \`slmaudit status\` prints their span`,
  });
}
