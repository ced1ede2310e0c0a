import { AuditError } from '../errors.ts';
import { type Entry, formatEntry, MAX_ENTRY_BYTES, parseEntry } from '../log/entry.ts';
import { parseHold, parseRelease } from '../log/hold.ts';
import { parsePolicy } from '../log/policy.ts';
import { parseRecordKey } from '../log/recordkey.ts';
import { parseCompact, parsePrune, parseRedact } from '../log/restate.ts';
import { makeEpochKey, stageEntry } from '../store/keys.ts';
import { lockPath } from '../store/layout.ts';
import { takeLock } from '../store/lock.ts';
import type { Store } from '../store/store.ts';
import { finish } from './commit.ts';
import { recover } from './recover.ts';
import { entryBehind, type Tip } from './tip.ts';

/** An entry that is no manifest: what it says of itself. */
export type Event = Pick<Entry, 'kind' | 'lines'>;

export interface AppendOptions {
  readonly lockWaitMs: number;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/**
 * Appends one entry that is no manifest, under the seal lock and behind recovery. `make` sees where the log stands then and may throw,
 * or return undefined where there is nothing to say. Returns the number of the entry.
 */
export async function appendEvent(
  store: Store,
  { lockWaitMs, now }: AppendOptions,
  make: (tip: Tip) => Event | undefined | Promise<Event | undefined>,
): Promise<number | undefined> {
  const lock = await takeLock(lockPath(store.at), lockWaitMs);
  try {
    const tip = await recover(store);
    const event = await make(tip);
    if (!event) return undefined;
    commitEvent(store, tip, event, now);
    return tip.size;
  } finally {
    lock.release();
  }
}

/** The caller holds the lock and has run recovery. The order of writes is SPEC 8's. */
export function commitEvent(store: Store, tip: Tip, event: Event, now: number): Entry {
  const entry = entryBehind(tip, store.origin, now, event);
  checkEvent(formatEntry(entry));
  // Before anything is decided; the key of the next entry and the signature take less than 1,200 bytes.
  const bytes = Buffer.byteLength(formatEntry(entry));
  if (bytes + 1200 > MAX_ENTRY_BYTES)
    throw new AuditError('ENTRY_TOO_LARGE', `an entry of ${bytes} bytes is more than a log holds`, {
      hint: 'name less at a time',
    });
  const text = formatEntry({ ...entry, next: makeEpochKey(store.keys, tip.size + 1) });
  stageEntry(store.keys, tip.size, text);
  finish(store, tip, text);
  return entry;
}

/** What is signed can't be unsaid: it is read back first. */
function checkEvent(text: string): void {
  const entry = parseEntry(text);
  PARSERS[entry.kind]?.(entry);
}

const PARSERS: Readonly<Record<string, (entry: Entry) => unknown>> = {
  policy: parsePolicy,
  hold: parseHold,
  release: parseRelease,
  compact: parseCompact,
  prune: parsePrune,
  redact: parseRedact,
  recordkey: parseRecordKey,
};
