import { createDecipheriv, createHash } from 'node:crypto';
import { AuditError } from '../errors.ts';
import { quarantineKey } from '../keys/quarantine.ts';
import type { Range } from '../log/ranges.ts';
import { readWhole } from '../store/durable.ts';
import type { SealedSegment } from '../log/inventory.ts';
import { readHistory } from '../store/history.ts';
import { type RecordKey, readRecordKeys } from '../store/keys.ts';
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
  /** Secrets that were taken out before it was encrypted, by rule. */
  readonly removed?: Readonly<Record<string, number>>;
  /** The segment that holds what it was read as by `quarantine retry`. */
  readonly retried?: number;
}

const LF = 0x0a;
/** A quarantine file is read whole: a segment has a million rejects at most. */
const MOST_BYTES = 1 << 30;

/** Which of them are meant; what is absent is all. */
export interface Meant {
  readonly reason?: string;
  readonly source?: string;
  /** Sealed from then on; before that. Lines that could not be read have no time of their own. */
  readonly since?: string;
  readonly until?: string;
}

/** May a segment hold any? */
export const mayHold = ({ at }: SealedSegment, { since = '', until }: Meant): boolean =>
  at >= since && (until === undefined || at < until);

export const isMeant = ({ reason, source }: Rejected, meant: Meant): boolean =>
  (meant.reason ?? reason) === reason && (meant.source ?? source) === source;

/**
 * Every rejected line of the log that is meant, in the order of sealing, as the first `size` entries tell of them.
 * Throws QUARANTINE_ALTERED, QUARANTINE_MISSING (exit 1).
 */
export function* rejectedLines(
  store: Store,
  size: number = Infinity,
  meant: Meant = {},
): Generator<Rejected> {
  const history = readHistory(store.at, localPin(store));
  const segments = history.segments.filter(s => s.entry < size);
  const retried = retriedLines(segments);
  for (const segment of segments.filter(s => history.inventory.hasRejected(s) && mayHold(s, meant)))
    for (const { about } of sealedLines(store, segment, retried)) if (isMeant(about, meant)) yield about;
}

/** What the line held, or its first 64 KiB. Throws NO_SUCH_LINE, KEY_MISSING and what rejectedLines throws. */
export function openRejected(store: Store, id: string): { readonly about: Rejected; readonly raw: Buffer } {
  const { segments, inventory } = readHistory(store.at, localPin(store));
  const number = parseRejectedId(id)?.segment;
  const segment = segments.find(s => s.segment === number && inventory.hasRejected(s));
  const retried = retriedLines(segments);
  const line = segment && [...sealedLines(store, segment, retried)].find(l => l.about.id === id);
  if (line) return { about: line.about, raw: line.open(readRecordKeys(store.keys)) };
  throw noSuchLine(id);
}

export function parseRejectedId(id: string): { readonly segment: number; readonly n: number } | undefined {
  const [segment, n] = /^(0|[1-9]\d{0,14})\.([1-9]\d{0,14})$/.exec(id)?.slice(1).map(Number) ?? [];
  return segment === undefined || n === undefined ? undefined : { segment, n };
}

export const noSuchLine = (id: string): AuditError =>
  new AuditError('NO_SUCH_LINE', `no rejected line is called ${id.slice(0, 40)}`, {
    hint: '`slmaudit quarantine list --all` lists them all',
  });

/** Where each line that was retried has gone: by `<segment>.<n>`, the segment that says so. */
export type Retried = Pick<ReadonlyMap<string, number>, 'get'>;

/** Looked up, not listed: a forged range may be of any length; verify names it. */
export function retriedLines(segments: readonly SealedSegment[]): Retried {
  const found = new Map<number, { readonly range: Range; readonly by: number }[]>();
  for (const by of segments)
    for (const { segment, ranges } of by.retried) {
      const known = found.get(segment) ?? [];
      found.set(segment, known);
      for (const range of ranges) known.push({ range, by: by.segment });
    }
  for (const known of found.values()) known.sort((a, b) => a.range[0] - b.range[0]);
  return {
    get(id) {
      const line = parseRejectedId(id);
      const known = (line && found.get(line.segment)) ?? [];
      let [low, high] = [0, known.length];
      while (low < high) {
        const middle = (low + high) >> 1;
        if (known[middle]!.range[0] <= line!.n) low = middle + 1;
        else high = middle;
      }
      const last = known[low - 1];
      return last && last.range[1] >= line!.n ? last.by : undefined;
    },
  };
}

/** A line of quarantine. */
export interface SealedLine {
  readonly about: Rejected;
  /** What it held. Throws KEY_MISMATCH. */
  readonly open: (keys: readonly RecordKey[]) => Buffer;
}

type Clear = Omit<Rejected, 'id' | 'sealedAt' | 'retried'>;

/** The rejected lines of one segment. Throws QUARANTINE_ALTERED, QUARANTINE_MISSING (exit 1). */
export function* sealedLines(store: Store, segment: SealedSegment, retried: Retried): Generator<SealedLine> {
  let n = 0;
  for (const line of linesOf(store, segment)) {
    const { sealed, ...clear } = JSON.parse(line) as Clear & { readonly sealed: string };
    const id = `${segment.segment}.${++n}`;
    const by = retried.get(id);
    yield {
      about: { id, sealedAt: segment.at, ...clear, ...(by !== undefined && { retried: by }) },
      open: keys => opened(sealed, clear, keys),
    };
  }
}

/** One by one: all of them as one text can be longer than a text may be. */
function* linesOf(store: Store, { segment, rejected }: SealedSegment): Generator<string> {
  if (!rejected) return;
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
  for (let at = 0, end = bytes.indexOf(LF); end >= 0; at = end + 1, end = bytes.indexOf(LF, at))
    yield bytes.toString('utf8', at, end);
}

/** SPEC 7: nonce ‖ AES-256-GCM ‖ tag, with the clear members as associated data. The tag tells which key it was. */
function opened(sealed: string, about: object, keys: readonly RecordKey[]): Buffer {
  const bytes = Buffer.from(sealed, 'base64');
  for (const { key } of keys) {
    const cipher = createDecipheriv('aes-256-gcm', quarantineKey(key), bytes.subarray(0, 12));
    cipher.setAAD(Buffer.from(JSON.stringify(about), 'utf8')).setAuthTag(bytes.subarray(-16));
    try {
      return Buffer.concat([cipher.update(bytes.subarray(12, -16)), cipher.final()]);
    } catch {
      // Of another key.
    }
  }
  throw new AuditError('KEY_MISMATCH', 'no record key of this host opens this line', {
    hint: 'it was sealed under one that was destroyed, or that lies in another folder: name that with --keys',
  });
}
