import { countOf } from '../log/ranges.ts';
import { bySource, type SourceTally } from '../log/tally.ts';
import { lstatSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatPin } from '../log/pin.ts';
import { spanOver } from '../log/span.ts';
import { isCode } from '../store/durable.ts';
import { readHistory } from '../store/history.ts';
import { asideNames } from '../store/layout.ts';
import { hasLogKey } from '../store/keys.ts';
import { localPin, type Store } from '../store/store.ts';
import { notNamed, readOpenRecords } from '../store/unsealed.ts';

export interface Status {
  readonly store: string;
  /** Folder of the keys; absent where this host or user has none. */
  readonly keys?: string;
  readonly origin: string;
  readonly pin?: string;
  readonly entries: number;
  readonly segments: number;
  /** Records that are there, that were deleted as recorded, and of which only the leaf hash is left. */
  readonly records: number;
  readonly pruned: number;
  readonly redacted: number;
  /** Files of records. */
  readonly files: number;
  /** Lines in quarantine, and those of them that are records by now. */
  readonly rejected: number;
  readonly retried: number;
  /** What became of the lines of each source. */
  readonly lines: readonly SourceTally[];
  /** Earliest and latest `ts` of sealed records. */
  readonly span?: { readonly from: string; readonly to: string };
  /** Time of the newest entry. */
  readonly sealedAt: string;
  /** Base64 root of the log. */
  readonly head: string;
  /** Bytes of the store's files. */
  readonly bytes: number;
  /** Files of open segments that can't be sealed, ever: somebody has to look at them. */
  readonly aside: readonly string[];
  readonly open: { readonly segments: number; readonly records: number; readonly rejected: number };
}

/** What a store holds, as its log says it; nothing is verified but that the log is the one of the checkpoint. */
export function status(store: Store): Status {
  const pin = localPin(store);
  const unsealed = openRecords(store);
  const history = readHistory(store.at, pin);
  const { inventory } = history;
  const isThere = (s: { readonly segment: number }): boolean => !inventory.pruned.has(s.segment);
  const open = notNamed(unsealed, history.segments);
  const span = spanOver(history.segments.filter(isThere).map(s => s.span));
  const sum = (counts: readonly number[]): number => counts.reduce((total, n) => total + n, 0);
  return {
    store: store.at.store,
    ...(hasLogKey(store.keys) && { keys: store.keys.folder }),
    ...(pin && { pin: formatPin(pin) }),
    origin: store.origin,
    entries: history.head.size,
    segments: history.segments.length,
    records: sum(history.segments.filter(isThere).map(s => s.records)),
    pruned: sum(history.segments.filter(s => !isThere(s)).map(s => s.records)),
    redacted: sum([...inventory.redacted].map(([n, rows]) => (inventory.pruned.has(n) ? 0 : countOf(rows)))),
    files: inventory.payloadFiles().length,
    rejected: sum(history.segments.map(s => (inventory.hasRejected(s) ? s.rejected!.count : 0))),
    retried: sum(history.segments.flatMap(s => s.retried.map(r => countOf(r.ranges)))),
    lines: bySource(history.segments.flatMap(s => s.lines)),
    ...(span && { span }),
    sealedAt: history.at,
    head: history.head.root.toString('base64'),
    bytes: bytesUnder(store.at.store),
    aside: asideNames(store.at),
    open: {
      segments: new Set(open.map(u => u.batch)).size,
      records: sum(open.map(u => u.records)),
      rejected: sum(open.map(u => u.rejected)),
    },
  };
}

function openRecords(store: Store): ReturnType<typeof readOpenRecords> {
  const folder = mkdtempSync(join(tmpdir(), 'slmaudit-status-'));
  try {
    return readOpenRecords(store, folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function bytesUnder(folder: string): number {
  let bytes = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) bytes += bytesUnder(path);
    else bytes += sizeOf(path);
  }
  return bytes;
}

function sizeOf(path: string): number {
  try {
    return lstatSync(path).size;
  } catch (error) {
    if (isCode(error, 'ENOENT')) return 0;
    throw error;
  }
}
