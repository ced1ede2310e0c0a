import { randomBytes } from 'node:crypto';
import { linkSync, renameSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { AuditError } from '../errors.ts';
import { createFile, isCode, readWhole, removeFile } from './durable.ts';
import { type Owner, parseOwner, stateOf, thisProcess } from './owner.ts';

export interface Lock {
  release(): void;
}

/**
 * Takes the lock file at `path`, waiting up to `waitMs`. Courtesy only: what keeps two sealers apart is the
 * exclusive creation of a staged entry (SPEC 8). A lock whose process is gone is taken over.
 * Throws LOCKED (exit 75).
 */
export async function takeLock(path: string, waitMs: number, what?: string): Promise<Lock> {
  const deadline = performance.now() + waitMs;
  const mine = `${JSON.stringify(thisProcess())}\n`;
  for (let pause = 5; ; pause = Math.min(pause * 1.5, 200)) {
    try {
      createFile(path, mine);
      return { release: () => releaseLock(path, mine) };
    } catch (error) {
      if (!isCode(error, 'EEXIST')) throw error;
    }
    const holder = readHolder(path);
    if (holder.state === 'gone') continue;
    if (holder.state === 'dead') {
      breakLock(path, holder.text);
      continue;
    }
    if (performance.now() + pause > deadline) throw locked(path, what, holder.owner);
    await sleep(pause);
  }
}

interface Holder {
  readonly state: 'gone' | 'alive' | 'dead' | 'unknown';
  readonly text: string;
  readonly owner?: Owner;
}

function readHolder(path: string): Holder {
  const text = readWhole(path, 4096)?.toString('utf8');
  if (text === undefined) return { state: 'gone', text: '' };
  let owner: Owner | undefined;
  try {
    owner = parseOwner(JSON.parse(text));
  } catch {
    owner = undefined;
  }
  // A lock is created whole (link), so one that can't be read was made by no writer of ours.
  return owner ? { state: stateOf(owner), text, owner } : { state: 'unknown', text };
}

/** Renames the dead lock away and looks at what was caught: a fresh lock caught by a race is put back. */
function breakLock(path: string, expected: string): void {
  const aside = `${path}.${randomBytes(8).toString('hex')}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (isCode(error, 'ENOENT')) return;
    throw error;
  }
  if (readWhole(aside, 4096)?.toString('utf8') !== expected) {
    try {
      linkSync(aside, path);
    } catch (error) {
      if (!isCode(error, 'EEXIST')) throw error;
    }
  }
  removeFile(aside);
}

function releaseLock(path: string, mine: string): void {
  if (readWhole(path, 4096)?.toString('utf8') === mine) removeFile(path);
}

function locked(path: string, what: string | undefined, owner: Owner | undefined): AuditError {
  const by = owner ? `process ${owner.pid} on ${owner.host}` : 'another writer';
  const gone = `if that process is surely gone, remove ${path}`;
  return new AuditError('LOCKED', `${what ?? 'the store'} is locked by ${by}`, {
    exit: 75,
    hint:
      what === undefined
        ? `try again later, or wait longer with --lock-wait; ${gone}`
        : `it is being read already; try again when that has ended; ${gone}`,
  });
}
