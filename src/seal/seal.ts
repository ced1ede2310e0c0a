import { renameSync } from 'node:fs';
import { AuditError } from '../errors.ts';
import type { SealedSegment } from '../log/inventory.ts';
import { isCode } from '../store/durable.ts';
import type { OpenHeader, OpenSource } from '../store/frame.ts';
import { readRecordKeys } from '../store/keys.ts';
import { takeLock } from '../store/lock.ts';
import {
  isFrames,
  lockPath,
  makeOpenFolder,
  namesIn,
  openFile,
  openFolder,
  parseOpenName,
} from '../store/layout.ts';
import { readCheckpoint } from '../store/log.ts';
import { readHistory } from '../store/history.ts';
import { HeldFiles } from '../store/held.ts';
import { isOwn, readHeader, walkFrames } from '../store/open.ts';
import { type Owner, stateOf } from '../store/owner.ts';
import { localPin, type Store } from '../store/store.ts';
import { type Aside, bringBack, setAside } from './aside.ts';
import { type Batch, readBatch } from './batch.ts';
import { commit, type Committed, drop } from './commit.ts';
import { isAllNamed, namedSegments } from './named.ts';
import { checkNext, type Read } from './next.ts';
import type { Part } from './parts.ts';
import { prepare } from './prepare.ts';
import { recover } from './recover.ts';

export interface SealOptions {
  readonly lockWaitMs: number;
  /** Folder outside the store in which this host remembers what logs hold. */
  readonly known?: string | undefined;
}

/** Seals one batch of this process: payloads first, then the lock for the moment of committing. */
export async function sealBatch(store: Store, batch: Batch, options: SealOptions): Promise<Committed[]> {
  const prepared = await prepare(store.at, batch, batch.parts);
  const lock = await takeLock(lockPath(store.at), options.lockWaitMs);
  try {
    return commit(store, await recover(store), batch, prepared, Date.now());
  } finally {
    lock.release();
  }
}

/** Rolls an interrupted seal forward, or its traces back. */
export async function finishInterrupted(store: Store, options: SealOptions): Promise<void> {
  const lock = await takeLock(lockPath(store.at), options.lockWaitMs);
  try {
    await recover(store);
  } finally {
    lock.release();
  }
}

/** An open segment that was left alone. */
export interface Kept {
  readonly batch: string;
  /** Where it lies. */
  readonly path: string;
  /** unreadable: its header is damaged, or of another log or batch. unsealable: what it holds can't be sealed. */
  readonly why: 'other_host' | 'unreadable' | 'unsealable';
  readonly owner?: Owner;
  /** What sealing it failed with. */
  readonly reason?: string;
}

export interface Leftovers {
  readonly sealed: readonly Committed[];
  readonly kept: readonly Kept[];
  readonly aside: readonly Aside[];
}

/**
 * Seals what dead writers left. A segment is renamed before it is read, so that a wrong guess costs the living
 * writer an error, never a record. `take`: also those whose writer was on another host or in another container.
 * One that can't be sealed is left and said: it must not keep the others from being sealed. One that never can, since what it says it was
 * read from is in the log or isn't where it goes on, is set aside: it must not keep its file from being read on, either. `gaps`: what was set
 * aside is looked at again, and sealed behind bytes that are missing.
 */
export async function sealLeftovers(
  store: Store,
  options: SealOptions & { readonly take: boolean; readonly gaps?: boolean },
): Promise<Leftovers> {
  makeOpenFolder(store.at);
  const { gaps = false } = options;
  if (gaps) bringBack(store);
  const { batches, kept } = leftovers(store, options.take);
  if (batches.length === 0) return { sealed: [], kept, aside: [] };
  const lock = await takeLock(lockPath(store.at), options.lockWaitMs);
  try {
    const sealed: Committed[] = [];
    const aside: Aside[] = [];
    const read = { ...readOf(store, options.known), gaps };
    await recover(store);
    const blocked = new Set<string>();
    // What these hold may be what comes before.
    const held = new Set(kept.flatMap(({ path }) => [...filesIn(path).keys()]));
    for (const { batch, files } of batches) {
      if ([...files.keys()].some(file => blocked.has(file))) {
        claimOpen(store, batch);
        kept.push({
          batch,
          path: openFile(store.at, batch, 'taken'),
          why: 'unsealable',
          reason: 'a segment before it that holds the same file could not be sealed',
        });
        continue;
      }
      try {
        sealed.push(...(await sealTaken(store, batch, read)));
      } catch (error) {
        if (!(error instanceof AuditError) || !UNSEALABLE.has(error.code)) throw error;
        const isWaiting = error.code === 'BYTES_MISSING' && [...files.keys()].some(f => held.has(f));
        if (NEVER_SEALED.has(error.code) && !isWaiting) {
          aside.push(setAside(store, batch, error.message));
          continue;
        }
        const path = openFile(store.at, batch, 'taken');
        kept.push({ batch, path, why: 'unsealable', reason: error.message });
        for (const file of files.keys()) blocked.add(file);
      }
    }
    return { sealed, kept, aside };
  } finally {
    lock.release();
  }
}

/**
 * What lies in an open segment that was left alone may be sealed later: read now too, it would be in the log twice. Throws OPEN_ELSEWHERE
 * where one of them holds a source that `isTheirs`; `what`: for people, such as `lines of a.ndjson`.
 */
export function refuseKept(
  kept: Iterable<Pick<Kept, 'path'>>,
  isTheirs: (about: OpenSource) => boolean,
  what: string,
): void {
  for (const { path } of kept) {
    if (sourcesIn(path).some(isTheirs))
      throw new AuditError('OPEN_ELSEWHERE', `${what} lie in an open segment that was left alone: ${path}`, {
        hint: 'run `slmaudit seal`, which says why; with --take if its writer was on another host that is surely gone',
      });
  }
}

const UNSEALABLE: ReadonlySet<string> = new Set([
  'READ_BACK_DIFFERS',
  'PAYLOAD_FAILED',
  'ENTRY_MALFORMED',
  'ENTRY_TOO_LARGE',
  'OPEN_MALFORMED',
  'PARTS_DIFFER',
  'BYTES_MISSING',
  'ALREADY_SEALED',
  'OPEN_KEY_MISSING',
  'OPEN_FORGED',
]);
const NEVER_SEALED: ReadonlySet<string> = new Set(['BYTES_MISSING', 'ALREADY_SEALED', 'OPEN_FORGED']);

/** Read once it is asked for, and on with the log. */
function readOf(store: Store, known: string | undefined): Read {
  const held = new HeldFiles(store, known);
  return {
    rangesOf: identity => held.read().rangesOf(identity),
    segments: () => readHistory(store.at, localPin(store)).segments,
    gaps: false,
  };
}

/** Seals an open segment that this process has written to its end and closed. */
export async function sealOpen(store: Store, batch: string, options: SealOptions): Promise<Committed[]> {
  const lock = await takeLock(lockPath(store.at), options.lockWaitMs);
  try {
    await recover(store);
    return await sealTaken(store, batch, readOf(store, options.known));
  } finally {
    lock.release();
  }
}

/** The caller has run recovery. */
async function sealTaken(store: Store, id: string, read: Read): Promise<Committed[]> {
  const { at } = store;
  claimOpen(store, id);
  const batch = readBatch(openFile(at, id, 'taken'), openFile(at, id, 'clean'));
  if (!batch) return [];
  checkOwn(store, id, batch.header);
  if (isEmpty(batch)) {
    drop(store, id);
    return [];
  }
  const { size } = readCheckpoint(at);
  const parts = missingParts(batch, namedSegments(at, new Map([[id, batch.header.since]]), size).of(id));
  // Its last part's payload is gone: what it was made of stays (`verify` names it).
  if (parts.length === 0) return [];
  checkNext(parts, read);
  const prepared = await prepare(at, batch, parts);
  return commit(store, await recover(store), batch, prepared, Date.now());
}

/** Looked at again: whoever can write the store could have exchanged it since. */
function checkOwn({ keys, origin }: Store, id: string, header: OpenHeader): void {
  const own = header.batch === id && header.origin === origin && isOwn(header, readRecordKeys(keys));
  if (own === 'unknown')
    throw new AuditError(
      'OPEN_KEY_MISSING',
      `it was begun under record key ${header.key}, which is not here`,
    );
  if (!own) throw new AuditError('OPEN_FORGED', 'whoever began it had no key of this store');
}

/**
 * The parts that the log doesn't name yet, where a sealing was killed between two of them. What is damaged only since then is said by
 * the first of these. Throws PARTS_DIFFER where the frames don't make the parts any more that are named.
 */
function missingParts({ parts, header }: Batch, named: readonly SealedSegment[]): Part[] {
  if (isAllNamed(named)) return [];
  const isSame = named.every(({ class: name, part }) => {
    const own = parts[part?.index ?? 0];
    return own?.class === name && own.part?.of === part?.of;
  });
  if (!isSame)
    throw new AuditError(
      'PARTS_DIFFER',
      `the log names ${named.length} of ${named[0]!.part!.of} parts of batch ${header.batch}, and its frames make others now`,
    );
  const missing = parts.filter(({ class: name }) => !named.some(n => n.class === name));
  const damaged = (parts[0]?.damaged ?? 0) - named.reduce((sum, n) => sum + n.damaged, 0);
  return missing.map((part, i) =>
    named.length > 0 && i === 0 ? { ...part, damaged: Math.max(0, damaged) } : part,
  );
}

/** From now on its writer, should it live after all, gets an error. */
function claimOpen({ at }: Store, id: string): void {
  try {
    renameSync(openFile(at, id, 'open'), openFile(at, id, 'taken'));
  } catch (error) {
    if (!isCode(error, 'ENOENT')) throw error;
  }
}

/** Nothing was acknowledged: no line was read to its end. */
function isEmpty({ parts }: Batch): boolean {
  return parts.every(
    ({ records, rejected, damaged, lines }) =>
      records === 0 && rejected === 0 && damaged === 0 && lines.every(l => l.read === 0),
  );
}

/** An open segment to be sealed: when it was begun, and from where on it holds which files. */
interface Leftover {
  readonly batch: string;
  readonly at: string;
  readonly files: ReadonlyMap<string, number>;
}

/** The oldest first, but none before one that holds earlier bytes of the same file: their ranges join in the log. */
function inOrder(all: readonly Leftover[]): Leftover[] {
  const left = all.toSorted((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
  const isBehind = (one: Leftover): boolean =>
    left.some(other => [...one.files].some(([file, from]) => (other.files.get(file) ?? from) < from));
  const ordered: Leftover[] = [];
  while (left.length > 0) {
    const first = left.findIndex(one => !isBehind(one));
    ordered.push(...left.splice(Math.max(0, first), 1));
  }
  return ordered;
}

function filesIn(path: string): Map<string, number> {
  const files = new Map<string, number>();
  for (const { kind, stream, from } of sourcesIn(path)) if (kind === 'file') files.set(stream, from);
  return files;
}

/** As far as it can be read: that the rest can't be is said where it is sealed. */
function sourcesIn(path: string): OpenSource[] {
  const sources: OpenSource[] = [];
  try {
    walkFrames(path, frame => void (frame.kind === 'source' && sources.push(frame.about)));
  } catch (error) {
    if (!(error instanceof AuditError) || error.code !== 'OPEN_MALFORMED') throw error;
  }
  return sources;
}

function leftovers(store: Store, take: boolean): { batches: Leftover[]; kept: Kept[] } {
  const batches: Leftover[] = [];
  const kept: Kept[] = [];
  const keys = readRecordKeys(store.keys);
  for (const name of namesIn(openFolder(store.at))) {
    const parts = parseOpenName(name);
    if (!parts || !isFrames(parts.form)) continue;
    const { batch, form } = parts;
    const path = openFile(store.at, batch, form);
    const header = readHeader(path);
    if (header === 'gone') continue;
    // A copy under another name, or of another log, is not what its writer made.
    if (!header || header.batch !== batch || header.origin !== store.origin) {
      kept.push({ batch, path, why: 'unreadable' });
      continue;
    }
    const state = form === 'taken' ? 'dead' : stateOf(header.owner);
    // Whom it says it belongs to, and what it says it holds, is nobody's word: it is set aside first.
    if (isOwn(header, keys) === false) batches.push({ batch, at: '', files: new Map() });
    else if (state === 'dead' || (take && state === 'unknown'))
      batches.push({ batch, at: header.at, files: filesIn(path) });
    else if (state === 'unknown') kept.push({ batch, path, why: 'other_host', owner: header.owner });
  }
  return { batches: inOrder(batches), kept };
}
