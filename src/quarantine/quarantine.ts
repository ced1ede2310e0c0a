import { createDecipheriv, createHash } from 'node:crypto';
import { AuditError } from '../errors.ts';
import { deriveKey } from '../keys/derive.ts';
import { readWhole } from '../store/durable.ts';
import { readHistory, type SealedSegment } from '../store/history.ts';
import { type RecordKey, readRecordKey } from '../store/keys.ts';
import { quarantinePath } from '../store/layout.ts';
import { localPin, type Store } from '../store/store.ts';

/** A line that was rejected, as the store says it in the clear. */
export interface Rejected {
  /** `<segment>.<n>`: the n-th line of a segment's quarantine, from 1. */
  readonly id: string;
  readonly sealedAt: string;
  readonly reason: string;
  readonly source: string;
  /** Number of the line in its source, from 1. */
  readonly line: number;
  readonly offset: number;
  /** Bytes; of a longer line only 64 KiB are kept. */
  readonly length: number;
}

/** A quarantine file is read whole: a segment has a million rejects at most. */
const MOST_BYTES = 1 << 30;

/** Every rejected line of the log, in the order of sealing. Throws QUARANTINE_ALTERED, QUARANTINE_MISSING (exit 1). */
export function* rejectedLines(store: Store): Generator<Rejected> {
  for (const segment of readHistory(store.at, localPin(store)).segments) {
    let n = 0;
    for (const line of linesOf(store, segment)) {
      const {
        reason,
        source,
        line: number,
        offset,
        length,
      } = JSON.parse(line) as Omit<Rejected, 'id' | 'sealedAt'>;
      yield {
        id: `${segment.segment}.${++n}`,
        sealedAt: segment.at,
        reason,
        source,
        line: number,
        offset,
        length,
      };
    }
  }
}

/** What the line held, or its first 64 KiB. Throws NO_SUCH_LINE, KEY_MISSING and what rejectedLines throws. */
export function openRejected(store: Store, id: string): { readonly about: Rejected; readonly raw: Buffer } {
  const [segmentNumber, n] = /^(\d{1,15})\.(\d{1,15})$/.exec(id)?.slice(1).map(Number) ?? [];
  const segment = readHistory(store.at, localPin(store)).segments.find(s => s.segment === segmentNumber);
  const line = segment && n !== undefined ? linesOf(store, segment)[n - 1] : undefined;
  if (!segment || line === undefined)
    throw new AuditError('NO_SUCH_LINE', `no rejected line is called ${id.slice(0, 40)}`, {
      hint: '`slmaudit quarantine list` lists them all',
    });
  const { sealed, ...about } = JSON.parse(line) as Omit<Rejected, 'id' | 'sealedAt'> & { sealed: string };
  return {
    about: { id, sealedAt: segment.at, ...about },
    raw: opened(sealed, about, readRecordKey(store.keys)),
  };
}

function linesOf(store: Store, { segment, rejected }: SealedSegment): readonly string[] {
  if (!rejected) return [];
  const path = quarantinePath(store.at, segment);
  const bytes = readWhole(path, MOST_BYTES);
  const hint = 'run `slmaudit verify`: it lists all that was altered';
  if (!bytes)
    throw new AuditError(
      'QUARANTINE_MISSING',
      `the rejected lines of segment ${segment} are missing: ${path}`,
      { exit: 1, hint },
    );
  if (createHash('sha256').update(bytes).digest('hex') !== rejected.sha256)
    throw new AuditError(
      'QUARANTINE_ALTERED',
      `the rejected lines of segment ${segment} are not those that were sealed: ${path}`,
      { exit: 1, hint },
    );
  return bytes.toString('utf8').split('\n').slice(0, -1);
}

/** SPEC 7: nonce ‖ AES-256-GCM ‖ tag, with the clear members as associated data. */
function opened(sealed: string, about: object, { key, id }: RecordKey): Buffer {
  const bytes = Buffer.from(sealed, 'base64');
  const cipher = createDecipheriv(
    'aes-256-gcm',
    deriveKey(key, 'slmaudit/quarantine/v1'),
    bytes.subarray(0, 12),
  );
  cipher.setAAD(Buffer.from(JSON.stringify(about), 'utf8')).setAuthTag(bytes.subarray(-16));
  try {
    return Buffer.concat([cipher.update(bytes.subarray(12, -16)), cipher.final()]);
  } catch (cause) {
    throw new AuditError('KEY_MISMATCH', `record key ${id} does not open this line`, {
      hint: 'it was sealed under another record key; name the folder of that one with --keys',
      cause,
    });
  }
}
