import type { AuditError } from '../errors.ts';
import type { RejectReason } from '../normalize/normalize.ts';

/** Counts of lines: read = those that became records + rejected + skipped. */
export interface Progress {
  readonly read: number;
  readonly records: number;
  readonly rejected: number;
  readonly skipped: number;
  /** Lines that are on disk for good. */
  readonly acknowledged: number;
  readonly segments: number;
}

export interface Summary extends Progress {
  readonly reasons: Readonly<Partial<Record<RejectReason, number>>>;
  /** Sealed now, left by writers that had died. */
  readonly recovered: number;
  readonly notes: readonly Note[];
  readonly failed: readonly { readonly source: string; readonly error: AuditError }[];
  readonly stopped: boolean;
}

/** What a person should know and nothing has to be done about. */
export interface Note {
  readonly code:
    | 'interrupted'
    | 'left_unterminated'
    | 'nothing_new'
    | 'same_first_line'
    | 'other_host'
    | 'unreadable_open';
  readonly source: string;
  /** Bytes left for the next run, or bytes that were in the log already. */
  readonly bytes?: number;
}
