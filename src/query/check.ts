import { existsSync } from 'node:fs';
import { AuditError } from '../errors.ts';
import { checkpointSignedBy, parseCheckpoint } from '../log/checkpoint.ts';
import { entryHash, parseEntry } from '../log/entry.ts';
import { parseGenesis } from '../log/genesis.ts';
import { formatRanges, rangesOf } from '../log/ranges.ts';
import { formatPin, type Pin } from '../log/pin.ts';
import { CompactTree, leafHash } from '../merkle/tree.ts';
import type { VerifierKey } from '../note/key.ts';
import { parseNote } from '../note/note.ts';
import type { SealedSegment } from '../log/inventory.ts';
import { type History, readHistory } from '../store/history.ts';
import { recordsPath } from '../store/layout.ts';
import { readEntries } from '../store/log.ts';
import { localPin, type Store } from '../store/store.ts';
import type { ReadReceipt, Receipt } from './receipt.ts';

/** What contradicts a receipt, each with its sentence. */
export const CONTRADICTIONS = {
  RECEIPT_SIGNATURE: 'the receipt is not signed by the key that was given',
  RECEIPT_LOG: 'the receipt is of another log',
  RECEIPT_CHECKPOINT: 'the checkpoint in it is not what the log key signed',
  RECEIPT_NOT_EXTENDED: 'the log here does not extend the checkpoint in it',
  RECEIPT_SEGMENT: 'a segment it names does not stand so in the log',
  RECEIPT_SEGMENTS: 'the segments that were read and those left out are not all there were',
  ANSWER_DIFFERS: 'the same question has another answer',
  READ_DIFFERS: 'the same question reads other segments',
} as const;

export interface Contradiction {
  readonly code: keyof typeof CONTRADICTIONS;
  readonly segment?: number;
  readonly expected?: string;
  readonly actual?: string;
}

export interface CheckedReceipt {
  readonly contradictions: readonly Contradiction[];
  /** As in a report of `verify`; self_consistent: the log key is the one that genesis here names. */
  readonly assurance: 'pinned' | 'pinned_here' | 'self_consistent';
  readonly pin?: string;
  readonly signature: 'none' | 'unchecked' | 'good' | 'bad';
  /** Entries of the log here; absent where it is not here. */
  readonly extendedTo?: number;
  /** Segments that were read and whose payload is not here any more. */
  readonly gone?: readonly number[];
}

export interface CheckOptions {
  readonly pin?: Pin | undefined;
  readonly key?: VerifierKey | undefined;
  readonly store?: Store | undefined;
}

/**
 * Checks a receipt without asking again: the checkpoint in it is one of the pinned log, and where that log is here, it extends
 * the checkpoint and has the segments that the receipt names. Throws PIN_NEEDED where there is neither pin nor store;
 * what readHistory() throws, for a log that isn't good itself says nothing of a receipt.
 */
export function checkReceipt(read: ReadReceipt, options: CheckOptions): CheckedReceipt {
  const { receipt, signers, signedBy } = read;
  const { key, pin: given } = options;
  const store = options.store && (!given || holds(options.store, given)) ? options.store : undefined;
  const here = store && localPin(store);
  const pin = given ?? here;
  const history = store && readHistory(store.at, pin);
  const log = pin ?? (history && { logKey: logKeyOf(store), genesis: history.genesis });
  if (!log)
    throw new AuditError('PIN_NEEDED', 'there is no store here, so only a pin can say which log that is of', {
      hint: 'give the pin of the log with --pin, or the store with --store',
    });
  const unasked = signers.length > 0 ? 'unchecked' : 'none';
  const signature = key ? (signedBy(key) ? 'good' : 'bad') : unasked;
  const contradictions: Contradiction[] = [];
  if (signature === 'bad')
    contradictions.push({
      code: 'RECEIPT_SIGNATURE',
      expected: key!.name,
      actual: signers.length > 0 ? signers.join(', ') : 'no signature',
    });
  const [expected, actual] = [
    `${log.logKey.name} ${log.genesis.toString('hex')}`,
    `${receipt.origin} ${receipt.genesis}`,
  ];
  const root = rootIn(receipt, log.logKey);
  if (expected !== actual) contradictions.push({ code: 'RECEIPT_LOG', expected, actual });
  else if (!root) contradictions.push({ code: 'RECEIPT_CHECKPOINT' });
  else if (history) contradictions.push(...placed(store, history, receipt, root));
  return {
    contradictions,
    assurance: given ? 'pinned' : here ? 'pinned_here' : 'self_consistent',
    ...(pin && { pin: formatPin(pin) }),
    signature,
    ...(history && { extendedTo: history.head.size, gone: goneOf(store, history, receipt) }),
  };
}

/** Does this store hold that log? One of another log says nothing of the receipt. */
function holds(store: Store, { genesis }: Pin): boolean {
  const [first] = readEntries(store.at, 0, 1);
  return first !== undefined && entryHash(first).equals(genesis);
}

function logKeyOf(store: Store): VerifierKey {
  const [first] = readEntries(store.at, 0, 1);
  return parseGenesis(parseEntry(parseNote(first!).text)).logKey;
}

/** The root that the log key has signed for the receipt's size. */
function rootIn({ checkpoint, origin, size }: Receipt, logKey: VerifierKey): Buffer | undefined {
  try {
    const stated = parseCheckpoint(checkpoint);
    const fits = stated.origin === origin && stated.size === size;
    return fits && checkpointSignedBy(checkpoint, logKey) ? stated.root : undefined;
  } catch (error) {
    if (error instanceof AuditError) return undefined;
    throw error;
  }
}

function placed(store: Store, { head, segments }: History, receipt: Receipt, root: Buffer): Contradiction[] {
  const { size, read, leftOut } = receipt;
  const tree = new CompactTree();
  for (const note of readEntries(store.at, 0, Math.min(size, head.size))) tree.add(leafHash(note));
  if (size > head.size || !tree.root().equals(root))
    return [
      {
        code: 'RECEIPT_NOT_EXTENDED',
        expected: `${size} entries, ${root.toString('base64')}`,
        actual: `${tree.size} entries, ${tree.root().toString('base64')}`,
      },
    ];
  const inside = segments.filter(s => s.entry < size && s.payload);
  const byNumber = new Map(inside.map(s => [s.segment, s]));
  const wrong = read.filter(r => textOf(r) !== textOf(statedBy(byNumber.get(r.segment))));
  const all = inside.map(s => s.segment);
  const told = read.map(r => r.segment);
  for (const ranges of Object.values(leftOut))
    for (const n of numbersIn(ranges)) if (told.length <= all.length) told.push(n);
  return [
    ...wrong.map((r): Contradiction => ({
      code: 'RECEIPT_SEGMENT',
      segment: r.segment,
      expected: textOf(statedBy(byNumber.get(r.segment))),
      actual: textOf(r),
    })),
    ...(told.toSorted((a, b) => a - b).join() === all.join()
      ? []
      : [
          {
            code: 'RECEIPT_SEGMENTS',
            expected: formatRanges(rangesOf(all)),
            actual: formatRanges(rangesOf(told)),
          } as const,
        ]),
  ];
}

function statedBy(segment: SealedSegment | undefined): Receipt['read'][number] | undefined {
  return segment?.payload && { segment: segment.segment, entry: segment.entry, ...segment.payload };
}

const textOf = (read: Receipt['read'][number] | undefined): string =>
  read ? `entry ${read.entry}, ${read.sha256}, ${read.bytes} bytes` : 'no such segment';

/** The numbers in ranges that formatRanges wrote; what it wouldn't write has none. */
export function* numbersIn(ranges: string): Generator<number> {
  for (const range of ranges.split(',')) {
    const [from, to = from] = /^(\d{1,15})(?:-(\d{1,15}))?$/.exec(range)?.slice(1) ?? [];
    if (from !== undefined) for (let n = Number(from); n <= Number(to); n++) yield n;
  }
}

function goneOf(store: Store, { segments, inventory }: History, { read }: Receipt): number[] {
  const named = new Set(read.map(r => r.segment));
  const isThere = (segment: number): boolean => {
    const file = inventory.files.get(segment);
    return (
      file !== undefined && existsSync(recordsPath(store.at, file, inventory.get(file.segments[0]!)!.at))
    );
  };
  return segments.filter(s => named.has(s.segment) && !isThere(s.segment)).map(s => s.segment);
}
