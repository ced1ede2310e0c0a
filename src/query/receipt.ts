import { AuditError } from '../errors.ts';
import { formatRanges, rangesOf } from '../log/ranges.ts';
import { type SignerKey, type VerifierKey } from '../note/key.ts';
import { formatNote, noteSignedBy, parseNote, signNote } from '../note/note.ts';
import type { Answer } from './hashing.ts';
import type { Answered, Question } from './query.ts';

/**
 * What an answer was made from, so that somebody else can check it and have it again (SPEC 13): one line of JSON; signed, it is
 * the text of a C2SP note.
 */
export interface Receipt {
  readonly form: 'slmaudit-receipt/1';
  readonly origin: string;
  /** Hex, as in a pin. */
  readonly genesis: string;
  /** The log's head as it stood then. */
  readonly checkpoint: string;
  readonly size: number;
  readonly asked: {
    readonly verb: string;
    readonly sql: string;
    readonly parameters: Readonly<Record<string, string>>;
    readonly since?: string;
    readonly until?: string;
    readonly lines?: true;
  };
  /** By what their manifests state. */
  readonly read: readonly ReadSegment[];
  /** The files in which some of them lay that were joined or redacted since they were sealed. */
  readonly restated?: readonly {
    readonly sha256: string;
    readonly bytes: number;
    readonly segments: string;
  }[];
  /** Ranges of segments, by why nothing in them was read. */
  readonly leftOut: Readonly<Record<string, string>>;
  readonly answer: Answer;
  readonly at: string;
  readonly by: { readonly user: string; readonly host: string };
  readonly versions: Readonly<Record<'slmaudit' | 'duckdb' | 'node', string>>;
}

export interface ReadSegment {
  readonly segment: number;
  readonly entry: number;
  readonly sha256: string;
  readonly bytes: number;
}

export interface Circumstances extends Pick<Receipt, 'at' | 'by'> {
  readonly verb: string;
  readonly versions: Omit<Receipt['versions'], 'duckdb'>;
}

export function receiptOf(
  question: Question,
  answered: Answered,
  answer: Answer,
  { verb, versions, at, by }: Circumstances,
): Receipt {
  const { head, genesis, plan, segments, files, engine } = answered;
  const { sql, parameters, since, until, lines } = question;
  const reasons = [...new Set(plan.leftOut.map(l => l.why))].sort();
  const read = new Set(plan.read);
  const restated = files
    .filter(f => f.isRestated && f.segments.some(s => read.has(s.segment)))
    .map(f => ({
      sha256: f.sha256,
      bytes: f.bytes,
      segments: formatRanges(rangesOf(f.segments.map(s => s.segment))),
    }));
  return {
    form: 'slmaudit-receipt/1',
    origin: head.origin,
    genesis: genesis.toString('hex'),
    checkpoint: Buffer.from(head.note).toString('utf8'),
    size: head.size,
    asked: {
      verb,
      sql,
      parameters,
      ...(since !== undefined && { since }),
      ...(until !== undefined && { until }),
      ...(lines && { lines }),
    },
    read: segments
      .filter(s => read.has(s.segment))
      .map(({ segment, entry, payload }) => ({ segment, entry, ...payload! })),
    ...(restated.length > 0 && { restated }),
    leftOut: Object.fromEntries(
      reasons.map(why => [
        why,
        formatRanges(rangesOf(plan.leftOut.filter(l => l.why === why).map(l => l.segment))),
      ]),
    ),
    answer,
    at,
    by,
    versions: { ...versions, duckdb: engine },
  };
}

/** A line of JSON; with a signer, a note of it. */
export function formatReceipt(receipt: Receipt, signer: SignerKey | undefined): string {
  const text = `${JSON.stringify(receipt)}\n`;
  return signer ? formatNote(signNote(text, signer)) : text;
}

export interface ReadReceipt {
  readonly receipt: Receipt;
  readonly signedBy: (key: VerifierKey) => boolean;
  /** Names of the keys that say to have signed it. */
  readonly signers: readonly string[];
}

/** A payload that was read takes some 120 bytes. */
export const MOST_BYTES: number = 64 << 20;

/** Throws RECEIPT_MALFORMED. */
export function parseReceipt(text: string): ReadReceipt {
  const isNote = text.includes('\n\n');
  try {
    const note = isNote ? parseNote(text, MOST_BYTES) : { text, signatures: [] };
    const receipt = JSON.parse(note.text) as Receipt;
    if (!isReceipt(receipt)) throw new Error('its members are not those of a receipt');
    return {
      receipt,
      signedBy: key => note.signatures.length > 0 && noteSignedBy(note, key),
      signers: note.signatures.map(s => s.name),
    };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : '';
    throw new AuditError('RECEIPT_MALFORMED', `that is no receipt: ${why}`, {
      hint: 'give a file that --receipt wrote',
      cause,
    });
  }
}

/** It comes from somebody else: nothing in it is believed to have a form that was not looked at. */
function isReceipt(r: Partial<Receipt> | null): boolean {
  const texts = [r?.origin, r?.genesis, r?.checkpoint, r?.at, r?.asked?.sql, r?.asked?.verb];
  const optional = [r?.asked?.since, r?.asked?.until, r?.answer?.sortedSha256].filter(t => t !== undefined);
  return (
    r?.form === 'slmaudit-receipt/1' &&
    [...texts, ...optional, r.answer?.sha256, r.by?.user, r.by?.host].every(isText) &&
    [r.size, r.answer?.rows].every(isCount) &&
    isList(r.answer?.columns, isText) &&
    (r.restated === undefined || isList(r.restated, isRestated)) &&
    [undefined, true].includes(r.asked?.lines) &&
    isList(r.read, isRead) &&
    isTexts(r.leftOut) &&
    isTexts(r.asked?.parameters) &&
    isTexts(r.versions)
  );
}

const isText = (value: unknown): boolean => typeof value === 'string';
const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;
const isTexts = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && Object.values(value).every(isText);
const isList = <T>(value: readonly T[] | undefined, isOne: (one: T) => boolean): boolean =>
  Array.isArray(value) && value.every(isOne);
const isRestated = (value: Partial<NonNullable<Receipt['restated']>[number]> | null): boolean =>
  isCount(value?.bytes) && [value?.sha256, value?.segments].every(isText);
const isRead = (value: Partial<ReadSegment> | null): boolean =>
  [value?.segment, value?.entry, value?.bytes].every(isCount) && isText(value?.sha256);
