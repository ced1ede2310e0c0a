/** What `slmaudit coverage` says, as data. Times are as records have them, spans whole seconds. */
export interface Coverage {
  readonly form: 'slmaudit-coverage/1';
  readonly origin: string;
  /** Entries of the log, and its base64 root. */
  readonly size: number;
  readonly root: string;
  /** Of days. */
  readonly zone: string;
  readonly asked: { readonly since?: string; readonly until?: string; readonly source?: string };
  /** The first and the last event that are known of. */
  readonly period?: { readonly from: string; readonly to: string };
  readonly records: RecordCounts;
  readonly rejected: { readonly lines: number; readonly retried: number; readonly deleted: number };
  /** Lines that were unreadable when they were sealed. */
  readonly damaged: number;
  readonly days: readonly CoverageDay[];
  readonly silences: readonly Silence[];
  readonly log: LogCoverage;
  readonly deletions: readonly Deletion[];
}

export interface RecordCounts {
  /** All that ever were; the others are parts of it. */
  readonly sealed: number;
  /** Deleted as recorded. */
  readonly pruned: number;
  /** Only their leaf hashes are left. */
  readonly redacted: number;
  /** Under a hold now. */
  readonly held: number;
}

/** Counted from records; as manifests state it of records that are no more; a day on which nothing was. */
export type Basis = 'records' | 'manifests' | 'both' | 'nothing';

export interface CoverageDay extends RecordCounts {
  /** Undefined: of sources that manifests don't tell apart. */
  readonly source?: string;
  /** `YYYY-MM-DD`, or `YYYY-MM-DD/YYYY-MM-DD` where only a manifest knows. */
  readonly day: string;
  readonly first?: string;
  readonly last?: string;
  /** Lines in quarantine, on the day of the newest record that was sealed with them. */
  readonly rejected: number;
  /** Silences that touch the day, and the longest of them. */
  readonly silences: number;
  readonly silentSeconds: number;
  readonly known: Basis;
}

export interface Silence {
  readonly source: string;
  readonly from: string;
  readonly to: string;
  readonly seconds: number;
  /** Was the log written meanwhile, by heartbeats or for other sources? */
  readonly alive: 'yes' | 'partly' | 'no';
  readonly heartbeats: number;
  readonly known: 'records' | 'manifests';
}

export interface LogCoverage {
  readonly from: string;
  readonly to: string;
  readonly heartbeats: number;
  /** Entries that were written while the clock had gone back. */
  readonly clockRegressions: number;
  /** When nothing was written at all, for longer than is usual. */
  readonly pauses: readonly { readonly from: string; readonly to: string; readonly seconds: number }[];
}

export interface Deletion {
  readonly entry: number;
  readonly at: string;
  readonly kind: 'prune' | 'redact';
  /** The entry of the policy it names, and the presets that it was made from. */
  readonly policy: number;
  readonly presets: readonly string[];
  readonly reason: string;
  readonly segments: number;
  readonly records: number;
  /** Of the segments that were deleted or redacted in. */
  readonly from?: string;
  readonly to?: string;
}
