import { join } from 'node:path';
import { AuditError } from '../errors.ts';
import { type Checkpoint, parseCheckpoint } from '../log/checkpoint.ts';
import { rootOf } from '../merkle/tree.ts';
import { isCode, makeFolder, readWhole, replaceFile } from '../store/durable.ts';
import { readHead } from '../store/keys.ts';
import { type Head, readCheckpoint } from '../store/log.ts';
import type { Store } from '../store/store.ts';
import type { Finding } from './finding.ts';

/**
 * Heads that are known from elsewhere: the newest one this host has committed, and the newest one an earlier
 * verification found good. The log must reach and contain each of them (SPEC 9, step 10).
 */
export function checkHeads(
  store: Store,
  head: Head,
  hashes: readonly Buffer[],
  remembered: string | undefined,
  genesis: Buffer | undefined,
): Finding[] {
  const committed = quietly(() => readHead(store.keys));
  const seen =
    remembered !== undefined && genesis
      ? quietly(() => readWhole(headPath(remembered, genesis), 65_536))
      : undefined;
  for (const note of [committed, seen]) {
    if (!note) continue;
    const known = parsed(note);
    const finding: Finding | undefined = known
      ? checkHead(store, head, hashes, known)
      : { code: 'HEAD_UNREADABLE' };
    if (finding) return [finding];
  }
  return [];
}

function checkHead(
  store: Store,
  head: Head,
  hashes: readonly Buffer[],
  known: Checkpoint,
): Finding | undefined {
  if (known.size > hashes.length) {
    // Written just behind the checkpoint it copies: a newer one means that the log moved on while this was reading.
    if (readCheckpoint(store.at).size >= known.size) return undefined;
    return { code: 'ROLLBACK', expected: `${known.size} entries`, actual: `${head.size} entries` };
  }
  if (rootOf(hashes.slice(0, known.size)).equals(known.root)) return undefined;
  return { code: 'FORK', expected: known.root.toString('base64') };
}

/** Never the reason of a failure: a home that can't be written only means that nothing is remembered. */
export function rememberHead(folder: string, genesis: Buffer, head: Head): void {
  quietly(() => {
    makeFolder(folder, 0o700);
    const old = parsed(readWhole(headPath(folder, genesis), 65_536));
    if (!old || old.size < head.size) replaceFile(headPath(folder, genesis), head.note, 0o600);
  });
}

const headPath = (folder: string, genesis: Buffer): string => join(folder, genesis.toString('hex'));

function parsed(note: Buffer | undefined): Checkpoint | undefined {
  try {
    return note && parseCheckpoint(note);
  } catch (error) {
    if (error instanceof AuditError) return undefined;
    throw error;
  }
}

/** Verifying needs no keys: a host that may not read them checks what it can. */
export function quietly<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (isCode(error, 'EACCES', 'ENOTDIR', 'EROFS', 'EPERM', 'ENOSPC')) return undefined;
    throw error;
  }
}
