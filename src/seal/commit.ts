import { linkSync, lstatSync, renameSync } from 'node:fs';
import { dirname } from 'node:path';
import { AuditError } from '../errors.ts';
import { type Entry, formatEntry, MAX_ENTRY_BYTES, parseEntry } from '../log/entry.ts';
import { parseSegment, type Segment, segmentLines } from '../log/segment.ts';
import type { SignerKey } from '../note/key.ts';
import { formatNote, noteSignedBy, signNote } from '../note/note.ts';
import { isCode, makeFolder, removeFile, syncFolder } from '../store/durable.ts';
import {
  eraseEpochKeysBelow,
  makeEpochKey,
  readEpochKey,
  readLogKey,
  stageEntry,
  unstage,
  writeHead,
} from '../store/keys.ts';
import { openFile, payloadPath, quarantinePath } from '../store/layout.ts';
import { publish, readCheckpoint, removeNarrower, writeEntry } from '../store/log.ts';
import type { Store } from '../store/store.ts';
import type { Prepared } from './prepare.ts';
import { entryBehind, type Tip } from './tip.ts';

/** What one commit put into the log. */
export interface Committed {
  readonly entry: number;
  readonly segment: number;
  readonly records: number;
  readonly rejected: number;
}

/**
 * Commits a prepared batch behind `tip`; the caller holds the seal lock and has run recovery. The order of writes
 * is SPEC 8's: payload in place → epoch key i+1 → entry i staged → signed → bundle and tiles → checkpoint (the
 * commit point) → head → key i erased → unstaged → open segment dropped.
 */
export function commit(store: Store, tip: Tip, prepared: Prepared, now: number): Committed {
  const { batch } = prepared;
  const entry = manifest(store, tip, prepared, now);
  checkManifest(formatEntry(entry));
  const place = {
    payload: prepared.payload && payloadPath(store.at, tip.nextSegment, entry.at),
    quarantine: prepared.quarantine && quarantinePath(store.at, tip.nextSegment),
  };
  if (prepared.payload && place.payload) moveInto(prepared.payload.path, place.payload);
  if (prepared.quarantine && place.quarantine) moveInto(prepared.quarantine.path, place.quarantine);
  const text = formatEntry({ ...entry, next: makeEpochKey(store.keys, tip.size + 1) });
  try {
    stageEntry(store.keys, tip.size, text);
  } catch (error) {
    if (isCode(error, 'EEXIST')) throw raced(tip.size);
    throw error;
  }
  finish(store, tip, text);
  drop(store, batch.header.batch);
  return { entry: tip.size, segment: tip.nextSegment, records: batch.records, rejected: batch.rejected };
}

/**
 * Before anything is decided: what is signed can't be unsaid. The key of the next entry and the signature take
 * less than 1,200 bytes.
 */
function checkManifest(text: string): void {
  parseSegment(parseEntry(text));
  if (Buffer.byteLength(text) + 1200 <= MAX_ENTRY_BYTES) return;
  throw new AuditError(
    'ENTRY_TOO_LARGE',
    `a manifest of ${Buffer.byteLength(text)} bytes is more than an entry holds`,
  );
}

/** From a staged text to a committed entry. Doing it again gives the same bytes: Ed25519 has no randomness. */
export function finish(store: Store, tip: Tip, text: string): void {
  const { at, keys, origin } = store;
  // Only now: a sealer that was paused before staging must not hold a key that another one has erased since.
  const key = readEpochKey(keys, tip.size);
  const note = signed(text, key, tip);
  if (readCheckpoint(at).size !== tip.size) throw raced(tip.size);
  const root = writeEntry(at, tip.size, note);
  const checkpoint = publish(at, { origin, size: tip.size + 1, root }, readLogKey(keys));
  writeHead(keys, checkpoint);
  eraseEpochKeysBelow(keys, tip.size + 1);
  unstage(keys, tip.size);
  removeNarrower(at, tip.size + 1);
}

function signed(text: string, key: SignerKey, tip: Tip): Buffer {
  const note = signNote(text, key);
  if (parseEntry(text).index !== tip.size || !noteSignedBy(note, tip.next)) {
    throw new AuditError(
      'KEY_MISMATCH',
      `the key of entry ${tip.size} is not the one that entry ${tip.size - 1} named`,
      {
        hint: 'nothing was written; another host or a restored backup may have gone on with this log: run `slmaudit verify`',
      },
    );
  }
  return Buffer.from(formatNote(note), 'utf8');
}

function manifest(store: Store, tip: Tip, { batch, payload, quarantine }: Prepared, now: number): Entry {
  const segment: Segment = {
    segment: tip.nextSegment,
    class: batch.header.class,
    first: tip.nextFirst,
    batch: batch.header.batch,
    ...(batch.span && { span: batch.span }),
    ...(payload && { payload: { sha256: payload.sha256, bytes: payload.bytes } }),
    ...(quarantine && {
      rejected: { count: batch.rejected, sha256: quarantine.sha256, bytes: quarantine.bytes },
    }),
    lines: batch.lines,
    damaged: batch.damaged,
    sources: batch.sources,
    retried: batch.retried,
    policy: tip.policy,
  };
  return entryBehind(tip, store.origin, now, {
    records: { count: batch.records, root: batch.root },
    kind: 'segment',
    lines: segmentLines(segment),
  });
}

/**
 * Gives a finished file its final name, which must be free: link(2) refuses to replace what another sealer put
 * there. Recovery has removed what an interrupted seal left.
 */
function moveInto(from: string, to: string): void {
  makeFolder(dirname(to));
  try {
    linkSync(from, to);
  } catch (error) {
    if (isCode(error, 'EEXIST')) throw raced(0);
    if (!isCode(error, 'EPERM', 'ENOTSUP', 'ENOSYS')) throw error;
    if (exists(to)) throw raced(0);
    renameSync(from, to);
  }
  removeFile(from);
  syncFolder(dirname(to));
}

function exists(path: string): boolean {
  try {
    lstatSync(path);
    return true;
  } catch (error) {
    if (isCode(error, 'ENOENT')) return false;
    throw error;
  }
}

/** Removes all that belongs to a batch that the log names now. */
export function drop(store: Store, batch: string): void {
  for (const form of ['parquet', 'quarantine', 'clean', 'taken', 'open'] as const)
    removeFile(openFile(store.at, batch, form));
  syncFolder(dirname(openFile(store.at, batch, 'open')));
}

function raced(index: number): AuditError {
  return new AuditError(
    'SEAL_RACED',
    `another writer is sealing entry ${index === 0 ? 'and payload' : index} of this store`,
    {
      exit: 75,
      hint: 'nothing was lost: run the same command again',
    },
  );
}
