import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { AuditError } from '../errors.ts';
import { checkpointSignedBy, parseCheckpoint } from '../log/checkpoint.ts';
import { parseEntry } from '../log/entry.ts';
import { rootFromTiles, TILE_WIDTH } from '../merkle/tile.ts';
import { noteSignedBy, parseNote } from '../note/note.ts';
import { ageOf, removeFile, TEMPORARY } from '../store/durable.ts';
import { readHistory } from '../store/history.ts';
import {
  eraseEpochKeysBelow,
  eraseTemporaries,
  readHead,
  readLogKey,
  stagedEntries,
  unstage,
  writeHead,
} from '../store/keys.ts';
import {
  isFrames,
  isMadeOfFrames,
  type Layout,
  makeOpenFolder,
  namesIn,
  openFolder,
  parseOpenName,
  parseQuarantineName,
  parseRecordsName,
  payloadPath,
  quarantinePath,
  tileFile,
  untidyPath,
} from '../store/layout.ts';
import {
  type Head,
  partialWidths,
  readBundle,
  readCheckpoint,
  readTile,
  removeNarrower,
} from '../store/log.ts';
import { readHeader } from '../store/open.ts';
import { localPin, type Store } from '../store/store.ts';
import { drop, finish, publishEntry } from './commit.ts';
import { isAllNamed, namedSegments } from './named.ts';
import { tidy } from './tidy.ts';
import { readTip, type Tip } from './tip.ts';

/**
 * Before any write, under the seal lock (SPEC 8): makes of what an interrupted seal left either a whole entry or
 * nothing, and returns where the log stands. Doing it again changes nothing.
 * `abandonStaged`: the key that would sign a staged entry is lost; what it was to seal lies in its open segment.
 * Throws ROLLBACK where the store is older than what this host has committed, LOG_ALTERED, KEY_LOST.
 */
export async function recover(
  store: Store,
  { abandonStaged = false }: { readonly abandonStaged?: boolean } = {},
): Promise<Tip> {
  let tip = readTip(store.at, trustedHead(store));
  makeOpenFolder(store.at);
  for (const { index, text } of stagedEntries(store.keys)) {
    if (index > tip.size)
      throw rollback(store, `entry ${index} is decided already, and the log ends before entry ${tip.size}`);
    if (index === tip.size && !abandonStaged) {
      finish(store, tip, text);
      tip = readTip(store.at, readCheckpoint(store.at));
    } else unstage(store.keys, index);
  }
  tip = rollForward(store, tip);
  eraseTemporaries(store.keys);
  eraseEpochKeysBelow(store.keys, tip.size);
  removeNarrower(store.at, tip.size);
  removeUncommitted(store.at, tip);
  removeTemporaries(store.at, tip);
  if (existsSync(untidyPath(store.at))) {
    const { inventory, head } = readHistory(store.at, localPin(store));
    tidy(store.at, inventory, head.size);
  }
  await dropNamed(store, tip);
  return tip;
}

/** The checkpoint, if the log key signed it, the tiles make its root, and it extends the newest one committed here. */
function trustedHead(store: Store): Head {
  const head = readCheckpoint(store.at);
  if (head.origin !== store.origin || !checkpointSignedBy(head.note, readLogKey(store.keys))) {
    throw altered('the checkpoint is not signed by the log key');
  }
  if (!rootAt(store.at, head.size).equals(head.root))
    throw altered('the tiles do not make the root of the checkpoint');
  const note = readHead(store.keys);
  if (note === undefined) return head;
  const known = parseCheckpoint(note);
  if (known.size > head.size)
    throw rollback(store, `the log has ${head.size} entries; this host has committed ${known.size}`);
  if (!rootAt(store.at, known.size).equals(known.root))
    throw rollback(store, 'the log is not the one this host has committed');
  if (known.size < head.size) writeHead(store.keys, head.note);
  return head;
}

const rootAt = (at: Layout, size: number): Buffer =>
  rootFromTiles(size, (level, index, width) => readTile(at, level, index, width));

/** An entry beyond the checkpoint vouches for itself if it joins the log and the key that the last entry named has signed it. */
function rollForward(store: Store, tip: Tip): Tip {
  const { at } = store;
  const bundle = Math.floor(tip.size / TILE_WIDTH);
  const place = tip.size % TILE_WIDTH;
  const wider = partialWidths(at, 'entries', bundle).filter(w => w > place);
  let note: Buffer | undefined;
  try {
    note = readBundle(at, bundle, place + 1)[place];
  } catch (error) {
    if (!(error instanceof AuditError)) throw error;
  }
  if (note && joins(tip, note, store.origin)) {
    publishEntry(store, tip, note);
    return readTip(at, readCheckpoint(at));
  }
  for (const w of wider) removeFile(tileFile(at, 'entries', bundle, w));
  return tip;
}

function joins(tip: Tip, bytes: Buffer, origin: string): boolean {
  try {
    const note = parseNote(bytes);
    const entry = parseEntry(note.text);
    const placed =
      entry.origin === origin && entry.index === tip.size && entry.prev?.equals(tip.prev) === true;
    return placed && noteSignedBy(note, tip.next);
  } catch (error) {
    if (error instanceof AuditError) return false;
    throw error;
  }
}

/** Payloads and quarantine files behind the last segment: an interrupted seal's, made again from its open segment. */
function removeUncommitted(at: Layout, tip: Tip): void {
  const quarantine = dirname(quarantinePath(at, 0));
  const records = dirname(dirname(payloadPath(at, 0, tip.at)));
  const days = namesIn(records).filter(name => name >= `sealed_on=${tip.at.slice(0, 10)}`);
  for (const folder of [quarantine, ...days.map(day => join(records, day))]) {
    for (const name of namesIn(folder)) {
      // What an entry was to restate is tidied up by that.
      const placed = parseRecordsName(name);
      const segment =
        placed?.entry === undefined ? (placed?.segment ?? parseQuarantineName(name)) : undefined;
      if (segment !== undefined && segment >= tip.nextSegment) removeFile(join(folder, name));
    }
  }
}

/** Other processes make temporary files in these folders without the lock: one as old as this was left behind. */
const LEFT_BEHIND_MS = 60_000;

/** Temporary files where writers make them; open files' by-products whose open file is gone. */
function removeTemporaries(at: Layout, tip: Tip): void {
  const tiles = (['entries', 0, 1, 2] as const).flatMap(level => {
    const index = Math.floor(tip.size / TILE_WIDTH ** (level === 'entries' ? 1 : level + 1));
    const file = tileFile(at, level, index);
    return [dirname(file), `${file}.p`];
  });
  for (const folder of [join(at.store, 'log'), ...tiles]) {
    for (const name of namesIn(folder)) if (TEMPORARY.test(name)) removeFile(join(folder, name));
  }
  for (const folder of [at.store, openFolder(at)]) {
    for (const name of namesIn(folder)) {
      const path = join(folder, name);
      if ((TEMPORARY.test(name) || /^lock\.|\.claim\./.test(name)) && ageOf(path) > LEFT_BEHIND_MS)
        removeFile(path);
    }
  }
  const names = namesIn(openFolder(at));
  for (const name of names) {
    const parts = parseOpenName(name);
    const isMade = parts && isMadeOfFrames(parts.form);
    if (isMade && !names.includes(`${parts.batch}.open`) && !names.includes(`${parts.batch}.taken`)) {
      removeFile(join(openFolder(at), name));
    }
  }
}

/**
 * Open segments that the log names already, in all their parts, are dropped, not sealed twice, once their payloads are seen to be
 * whole.
 */
async function dropNamed(store: Store, tip: Tip): Promise<void> {
  const { at } = store;
  const since = new Map<string, number>();
  for (const name of namesIn(openFolder(at))) {
    const parts = parseOpenName(name);
    const header = parts && isFrames(parts.form) ? readHeader(join(openFolder(at), name)) : undefined;
    if (header && header !== 'gone' && header.batch === parts?.batch && header.since < tip.size)
      since.set(header.batch, header.since);
  }
  if (since.size === 0) return;
  const named = namedSegments(at, since, tip.size);
  for (const batch of since.keys()) {
    const segments = named.of(batch);
    if (!isAllNamed(segments)) continue;
    const whole = await Promise.all(segments.map(named.isWhole));
    // A payload that is lost can be made again from this: it stays until someone has looked (`verify` names it).
    if (whole.every(Boolean)) drop(store, batch);
  }
}

function altered(what: string): AuditError {
  return new AuditError('LOG_ALTERED', what, {
    exit: 1,
    hint: 'nothing was written; run `slmaudit verify`: it says what was altered and where',
  });
}

function rollback(store: Store, what: string): AuditError {
  return new AuditError('ROLLBACK', `${store.at.store} is older than its keys: ${what}`, {
    exit: 1,
    hint: 'nothing was written; bring back the newer store, or begin a new one with `slmaudit init`',
  });
}
