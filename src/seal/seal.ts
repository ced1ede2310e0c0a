import { renameSync } from 'node:fs';
import { isCode } from '../store/durable.ts';
import { takeLock } from '../store/lock.ts';
import { lockPath, namesIn, openFile, openFolder, parseOpenName } from '../store/layout.ts';
import { readHeader } from '../store/open.ts';
import { type Owner, stateOf } from '../store/owner.ts';
import type { Store } from '../store/store.ts';
import { type Batch, readBatch } from './batch.ts';
import { commit, type Committed, drop } from './commit.ts';
import { prepare } from './prepare.ts';
import { recover } from './recover.ts';

export interface SealOptions {
  readonly lockWaitMs: number;
}

/** Seals one batch of this process: payload first, then the lock for the moment of committing. */
export async function sealBatch(store: Store, batch: Batch, options: SealOptions): Promise<Committed> {
  const prepared = await prepare(store.at, batch);
  const lock = await takeLock(lockPath(store.at), options.lockWaitMs);
  try {
    return commit(store, await recover(store), prepared, Date.now());
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

/** An open segment whose writer can't be told dead from here. */
export interface Kept {
  readonly batch: string;
  readonly why: 'other_host' | 'unreadable';
  readonly owner?: Owner;
}

export interface Leftovers {
  readonly sealed: readonly Committed[];
  readonly kept: readonly Kept[];
}

/**
 * Seals what dead writers left. A segment is renamed before it is read, so that a wrong guess costs the living
 * writer an error, never a record. `take`: also those whose writer was on another host or in another container.
 */
export async function sealLeftovers(
  store: Store,
  options: SealOptions & { readonly take: boolean },
): Promise<Leftovers> {
  const found = leftovers(store, options.take);
  if (found.batches.length === 0) return { sealed: [], kept: found.kept };
  const lock = await takeLock(lockPath(store.at), options.lockWaitMs);
  try {
    const sealed: Committed[] = [];
    await recover(store);
    for (const batch of found.batches) {
      const committed = await sealTaken(store, batch);
      if (committed) sealed.push(committed);
    }
    return { sealed, kept: found.kept };
  } finally {
    lock.release();
  }
}

async function sealTaken(store: Store, id: string): Promise<Committed | undefined> {
  const { at } = store;
  try {
    renameSync(openFile(at, id, 'open'), openFile(at, id, 'taken'));
  } catch (error) {
    if (!isCode(error, 'ENOENT')) throw error;
  }
  const batch = readBatch(openFile(at, id, 'taken'), openFile(at, id, 'clean'));
  if (!batch) return undefined;
  if (isEmpty(batch)) {
    drop(store, id);
    return undefined;
  }
  const prepared = await prepare(at, batch);
  return commit(store, await recover(store), prepared, Date.now());
}

/** Nothing was acknowledged: no line was read to its end. */
function isEmpty({ records, rejected, damaged, lines }: Batch): boolean {
  return records === 0 && rejected === 0 && damaged === 0 && lines.read === 0;
}

function leftovers(store: Store, take: boolean): { batches: string[]; kept: Kept[] } {
  const batches: string[] = [];
  const kept: Kept[] = [];
  for (const name of namesIn(openFolder(store.at))) {
    const parts = parseOpenName(name);
    if (parts?.form === 'taken') batches.push(parts.batch);
    if (parts?.form !== 'open') continue;
    const header = readHeader(openFile(store.at, parts.batch, 'open'));
    if (header === 'gone') continue;
    const state = header ? stateOf(header.owner) : 'unreadable';
    if (state === 'dead' || (take && state === 'unknown')) batches.push(parts.batch);
    else if (state === 'unknown' && header)
      kept.push({ batch: parts.batch, why: 'other_host', owner: header.owner });
    else if (state === 'unreadable') kept.push({ batch: parts.batch, why: 'unreadable' });
  }
  return { batches, kept };
}
