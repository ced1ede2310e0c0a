import { linkSync, lstatSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
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
import {
  isFrames,
  isMadeOfFrames,
  type Layout,
  namesIn,
  type OpenForm,
  openFolder,
  parseOpenName,
  payloadPath,
  quarantinePath,
} from '../store/layout.ts';
import { publish, readCheckpoint, removeNarrower, writeEntry } from '../store/log.ts';
import type { Store } from '../store/store.ts';
import type { Batch } from './batch.ts';
import type { Prepared } from './prepare.ts';
import { entryBehind, readTip, type Tip } from './tip.ts';

/** What one commit put into the log. */
export interface Committed {
  readonly entry: number;
  readonly segment: number;
  readonly records: number;
  readonly rejected: number;
  /** Entry of the newest policy then. */
  readonly policy: number;
}

/**
 * Commits the parts of a batch that the log doesn't name yet behind `tip`, one after the other, and drops the open segment
 * behind the last; the caller holds the seal lock and has run recovery. A kill in between leaves the open segment, from
 * which recovery goes on with the parts that are missing.
 */
export function commit(
  store: Store,
  tip: Tip,
  batch: Batch,
  prepared: readonly Prepared[],
  now: number,
): Committed[] {
  // All of them, before the first is decided.
  for (const part of prepared) checkManifest(formatEntry(manifest(store, tip, batch, part, now)));
  const committed: Committed[] = [];
  let place = tip;
  for (const part of prepared) {
    if (committed.length > 0) place = readTip(store.at, { size: place.size + 1 });
    committed.push(commitPart(store, place, batch, part, now));
  }
  drop(store, batch.header.batch);
  return committed;
}

/**
 * The order of writes is SPEC 8's: payload in place → epoch key i+1 → entry i staged → signed → bundle and tiles →
 * checkpoint (the commit point) → head → key i erased → unstaged.
 */
function commitPart(store: Store, tip: Tip, batch: Batch, prepared: Prepared, now: number): Committed {
  const entry = manifest(store, tip, batch, prepared, now);
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
    if (isCode(error, 'EEXIST')) throw raced(`entry ${tip.size}`);
    throw error;
  }
  finish(store, tip, text);
  const { records, rejected } = prepared.part;
  return { entry: tip.size, segment: tip.nextSegment, records, rejected, policy: tip.policy };
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
  // Only now: a sealer that was paused before staging must not hold a key that another one has erased since.
  const key = readEpochKey(store.keys, tip.size);
  publishEntry(store, tip, signed(text, key, tip));
  unstage(store.keys, tip.size);
}

/** Puts the signed entry `tip.size` into the log, and erases its key. Throws SEAL_RACED where the log has gone on since `tip` was read. */
export function publishEntry({ at, keys, origin }: Store, tip: Tip, note: Buffer): void {
  if (readCheckpoint(at).size !== tip.size) throw raced(`entry ${tip.size}`);
  const root = writeEntry(at, tip.size, note);
  const checkpoint = publish(at, { origin, size: tip.size + 1, root }, readLogKey(keys));
  writeHead(keys, checkpoint);
  eraseEpochKeysBelow(keys, tip.size + 1);
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

function manifest(
  store: Store,
  tip: Tip,
  { header }: Batch,
  { part, payload, quarantine }: Prepared,
  now: number,
): Entry {
  const segment: Segment = {
    segment: tip.nextSegment,
    class: part.class,
    first: tip.nextFirst,
    batch: header.batch,
    ...(part.part && { part: part.part }),
    ...(part.span && { span: part.span }),
    ...(payload && { payload: { sha256: payload.sha256, bytes: payload.bytes } }),
    ...(quarantine && {
      rejected: { count: part.rejected, sha256: quarantine.sha256, bytes: quarantine.bytes },
    }),
    lines: part.lines,
    damaged: part.damaged,
    sources: part.sources,
    retried: part.retried,
    policy: tip.policy,
  };
  return entryBehind(tip, store.origin, now, {
    records: { count: part.records, root: part.root },
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
    if (isCode(error, 'EEXIST')) throw raced(to);
    if (!isCode(error, 'EPERM', 'ENOTSUP', 'ENOSYS')) throw error;
    if (exists(to)) throw raced(to);
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

/** Removes all that belongs to a batch that the log names now: its frames last, without them nobody could tell what the rest is. */
export function drop({ at }: Store, batch: string): void {
  removeOf(at, batch, isMadeOfFrames);
  removeOf(at, batch, isFrames);
  syncFolder(openFolder(at));
}

export function removeOf(at: Layout, batch: string, isMeant: (form: OpenForm) => boolean): void {
  for (const name of namesIn(openFolder(at))) {
    const parts = parseOpenName(name);
    if (parts?.batch === batch && isMeant(parts.form)) removeFile(join(openFolder(at), name));
  }
}

/** `what`: an entry, or the file of one. */
function raced(what: string): AuditError {
  return new AuditError('SEAL_RACED', `another writer of this store is sealing ${what}`, {
    exit: 75,
    hint: 'nothing was lost: run the same command again',
  });
}
