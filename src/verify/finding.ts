import { isSystemError, systemText } from '../errors.ts';

/**
 * One thing that is wrong, as data; sentences are made from it last (SPEC 9).
 *
 * Most say that what was sealed is no longer what it was; those in UNCHECKED that something could not be checked, those in
 * LOWERING that less is to be believed. A check goes on behind each of them.
 */
export interface Finding {
  readonly code: FindingCode;
  readonly entry?: number;
  readonly segment?: number;
  readonly file?: string;
  readonly expected?: string;
  readonly actual?: string;
}

export const FINDINGS = {
  FORMAT_ALTERED: 'the file FORMAT is not what it was',
  CHECKPOINT_MISSING: 'the checkpoint is missing',
  CHECKPOINT_MALFORMED: 'the checkpoint can not be read',
  CHECKPOINT_SIGNATURE: 'the checkpoint is not signed by the log key',
  GENESIS_MISMATCH: 'the log does not begin with the genesis of the pin',
  GENESIS_SIGNATURE: 'genesis lacks a good signature',
  ENTRY_MISSING: 'an entry is missing',
  ENTRY_MALFORMED: 'an entry can not be read',
  ENTRY_SIGNATURE: 'an entry is not signed by the key that the one before it named',
  ENTRY_CHAIN: 'an entry does not name the one before it',
  ENTRY_PLACE: 'an entry stands in another place than it states',
  ENTRY_TIME: 'an entry is older than the one before it',
  ENTRY_CLOCK: 'an entry states a clock that had not gone back',
  ENTRY_FUTURE: 'an entry is from the future of this host',
  ROOT_MISMATCH: 'the entries are not those of the checkpoint',
  SEGMENT_NUMBER: 'a segment is numbered out of order',
  SEGMENT_FIRST: 'records before a segment are missing or there twice',
  SEGMENT_BATCH: 'one open segment was sealed twice',
  SEGMENT_POLICY: 'a segment names another policy than the one in force',
  PART_MISSING: 'an open segment was sealed in part, and the rest of it is gone',
  SOURCE_GAP: 'bytes of an input file are missing between two segments',
  SOURCE_OVERLAP: 'bytes of an input file are in two segments',
  RETRY_UNKNOWN: 'a segment says it was read from rejected lines that there are not',
  RETRY_TWICE: 'a rejected line was read again twice',
  PRUNE_OUTSIDE_POLICY: 'a segment was deleted before its policy let it go',
  PRUNE_UNDER_HOLD: 'a segment was deleted that a hold covered',
  REDACT_OUTSIDE_POLICY: 'records were redacted before their policy let them go',
  REDACT_UNDER_HOLD: 'records were redacted that a hold covered',
  RESTATED_WRONG: 'an entry restates or deletes what it can not',
  HOLD_UNKNOWN: 'an entry holds or releases what it can not',
  TILE_MISSING: 'a tile or bundle of the log is missing',
  TILE_ALTERED: 'a tile or bundle is not what the entries make',
  PAYLOAD_MISSING: 'the records of a segment are missing',
  PAYLOAD_ALTERED: 'the records of a segment are not those that were sealed',
  PAYLOAD_UNREADABLE: 'the records of a segment can not be read',
  RECORDS_MISMATCH: 'the rows of a segment do not make the root that was signed',
  QUARANTINE_MISSING: 'the rejected input of a segment is missing',
  QUARANTINE_ALTERED: 'the rejected input of a segment is not what was sealed',
  STRAY_FILE: 'a file that belongs to nothing the log states',
  ROLLBACK: 'the log is shorter than what this host has committed',
  FORK: 'the log is another one than was known before',
  HEAD_SIGNATURE: 'the head to compare with is not signed by the log key',
  HEAD_UNREADABLE: 'a head to compare with can not be read, so a rollback can not be seen',
  NOT_READABLE: 'what lies there can not be read by this user, so it was not checked',
  SET_ASIDE:
    'an open segment could not be sealed and was set aside: look at it, and move it out of the store',
  WRITTEN_BY_NEWER: 'written by a newer slmaudit',
  REKEYED: 'from here on the log is vouched for by the holder of the recovery key',
} as const;

export type FindingCode = keyof typeof FINDINGS;

/** Findings of these kinds don't say that anything was altered: they say that it could not be checked. */
const UNCHECKED: ReadonlySet<FindingCode> = new Set(['WRITTEN_BY_NEWER', 'HEAD_UNREADABLE', 'NOT_READABLE']);

/** These say that all is as it was sealed, and that less is to be believed for it. */
const LOWERING: ReadonlySet<FindingCode> = new Set(['REKEYED', 'SET_ASIDE']);

/** Of what the system doesn't let this user, or anyone, read: that it was altered is not said. */
export function notReadable(file: string, error: unknown): Finding {
  if (!isSystemError(error)) throw error;
  return { code: 'NOT_READABLE', file, actual: systemText(error) };
}

export const isAlteration = ({ code }: Finding): boolean => !UNCHECKED.has(code) && !LOWERING.has(code);
export const isLowering = ({ code }: Finding): boolean => LOWERING.has(code);

/** The answer of `verify`: 1 altered, 2 could not be checked, 4 intact and less to be believed, 0 intact. */
export function exitOf({ findings, assurance }: Pick<Report, 'findings' | 'assurance'>): number {
  if (findings.some(isAlteration)) return 1;
  if (!findings.every(isLowering)) return 2;
  return findings.length > 0 || assurance === 'self_consistent' ? 4 : 0;
}

/** What an interrupted or running writer has left; no finding. */
export interface Pending {
  readonly kind: 'open' | 'temporary' | 'uncommitted' | 'superseded' | 'staged' | 'leftover';
  readonly file: string;
}

export type Assurance = 'none' | 'self_consistent' | 'pinned_here' | 'pinned';

export interface Report {
  readonly origin: string;
  readonly size: number;
  /** Base64 root of the log. */
  readonly root: string;
  readonly assurance: Assurance;
  readonly findings: readonly Finding[];
  readonly pending: readonly Pending[];
  readonly checked: Checked;
  /** The newest head that was known beside the store and its keys, and that this log extends: entries, and who kept it. */
  readonly extends?: { readonly size: number; readonly kept: 'by_verifier' | 'given' };
  /** Of a pack: a newer head of the log that is known here. Nothing was compared with it. */
  readonly behind?: number;
  readonly fork?: Fork;
  /** The signed checkpoint. */
  readonly checkpoint: string;
  /** Entries whose time stands still because the clock had gone back; said, never a finding. */
  readonly clockRegressions: number;
}

/**
 * Two heads of one log that no log can have both, for anyone who has its key: the present one extends a log of
 * `known.size` entries with the root `rootThen`, as `proof` (RFC 6962 consistency) shows, and the known head has another.
 */
export interface Fork {
  readonly form: 'slmaudit-fork/1';
  readonly known: string;
  readonly present: string;
  /** Base64. */
  readonly rootThen: string;
  readonly proof: readonly string[];
}

export interface Checked {
  readonly entries: number;
  readonly segments: number;
  /** Records that are not deleted. */
  readonly records: number;
  /** Records that were deleted as recorded, and records of which only the leaf hash is left. */
  readonly pruned: number;
  readonly redacted: number;
  /** Records whose leaf hashes were made again from the payload. */
  readonly recomputed: number;
  readonly payloads: number;
  readonly quarantined: number;
  /** Of a pack: rejected lines that are not in it. */
  readonly absent: number;
  /** Rows that sealing saw damaged in an open segment and could not keep. */
  readonly damaged: number;
  readonly bytes: number;
  /** Segments outside the range that was asked for: their payloads were not opened. */
  readonly passedOver: number;
}
