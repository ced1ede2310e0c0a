import type { AuditError } from '../errors.ts';
import type { SourceTally } from '../log/tally.ts';
import type { RejectReason } from '../normalize/normalize.ts';
import type { Removed } from '../normalize/secrets.ts';

/** Counts of lines: read = those that gave records + rejected + skipped. */
export interface Progress {
  readonly read: number;
  readonly records: number;
  readonly rejected: number;
  readonly skipped: number;
  /** Lines that are on disk for good. */
  readonly acknowledged: number;
  readonly segments: number;
}

/** How a source is read, and why. */
export interface Told {
  readonly source: string;
  /** A format's name; `auto-line` where each line tells its own. */
  readonly format: string;
  /** named: a person said so; agreed: its first lines did; mixed: they didn't, and a pipe can't be read again. */
  readonly why: 'named' | 'agreed' | 'mixed' | 'unknown';
  /** Of the first lines, how many each format recognizes; `unknown` counts objects that none does. */
  readonly votes: Readonly<Record<string, number>>;
}

export interface Summary extends Progress {
  /** What became of the lines of each source. */
  readonly lines: readonly SourceTally[];
  readonly sources: readonly Told[];
  readonly reasons: Readonly<Partial<Record<RejectReason, number>>>;
  /** Secrets that were taken out, by rule. */
  readonly removed: Readonly<Removed>;
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
    | 'rotated_unread'
    | 'replaced'
    | 'other_host'
    | 'unreadable_open'
    | 'set_aside';
  readonly source: string;
  /** Bytes left for the next run, or bytes that were in the log already. */
  readonly bytes?: number;
  /** Another file that it is about. */
  readonly path?: string;
  readonly why?: string;
}
