import { closeSync, fstatSync, readSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import { AuditError, stopped } from '../errors.ts';
import { type Pin, parsePin } from '../log/pin.ts';
import { isCode, openToRead, readWhole } from './durable.ts';
import { type Keys, keysOf, readPin } from './keys.ts';
import { checkFormat, type Layout } from './layout.ts';
import { readCheckpoint } from './log.ts';

/** A store and where its keys belong. Reading needs no key. */
export interface Store {
  readonly at: Layout;
  readonly origin: string;
  readonly keys: Keys;
}

/** Throws NO_STORE, WRITTEN_BY_NEWER, CHECKPOINT_MISSING, CHECKPOINT_MALFORMED. */
export function openStore(folder: string, keysRoot: string): Store {
  const at = { store: resolve(folder) };
  checkFormat(at);
  const { origin } = readCheckpoint(at);
  return { at, origin, keys: keysOf(resolve(keysRoot), origin) };
}

/** The pin that `init` left beside the keys; undefined where this host has none. */
export function localPin(store: Store): Pin | undefined {
  try {
    return readPin(store.keys);
  } catch (error) {
    if (isCode(error, 'EACCES', 'ENOTDIR')) return undefined;
    throw error;
  }
}

/** `--pin`: the text of a pin, or the name of a file that holds one. Throws PIN_MALFORMED. */
export function givenPin(textOrPath: string): Pin {
  if (/@sha256:/.test(textOrPath)) return parsePin(textOrPath);
  const text = readWhole(textOrPath, 65_536)?.toString('utf8');
  if (text === undefined) {
    throw new AuditError('PIN_MALFORMED', `"${textOrPath}" is neither a pin nor a file that holds one`, {
      hint: 'copy the whole line that `slmaudit init` or `slmaudit status` printed',
    });
  }
  return parsePin(text);
}

export interface FileDigest {
  /** Lower-case hex. */
  readonly sha256: string;
  readonly bytes: number;
}

/** Read at a time: what stays in a processor's cache between being read and being hashed. */
const CHUNK = 256 << 10;
/** Bytes after which others have their turn: 30 ms. */
const TURN = 64 << 20;
let kept: Buffer | undefined;

/**
 * SHA-256 of a regular file, never through a symbolic link. Undefined if it is gone or no file. Read into one buffer and not through a
 * stream: one of 40 kB takes 40 µs instead of 120. One of more than `most` bytes is not what was stated whatever is in it, and has no
 * digest: what takes no room on a disk can take days to read. Throws STOPPED.
 */
export async function digestFile(
  path: string,
  most: number = Infinity,
  signal?: AbortSignal,
): Promise<FileDigest | undefined> {
  let fd: number;
  try {
    fd = openToRead(path);
  } catch (error) {
    if (isCode(error, 'ENOENT', 'ELOOP', 'ENOTDIR')) return undefined;
    throw error;
  }
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) return undefined;
    if (stat.size > most) return { sha256: '', bytes: stat.size };
    const hash = createHash('sha256');
    const chunk = (kept ??= Buffer.allocUnsafeSlow(CHUNK));
    let bytes = 0;
    for (let [got, turn] = [readSync(fd, chunk), 0]; got > 0; got = readSync(fd, chunk)) {
      hash.update(got === CHUNK ? chunk : chunk.subarray(0, got));
      bytes += got;
      if (bytes < turn + TURN) continue;
      turn = bytes;
      await new Promise(done => setImmediate(done));
      if (signal?.aborted) throw stopped(signal.reason);
      if (bytes > most) return { sha256: '', bytes };
    }
    return { sha256: hash.digest('hex'), bytes };
  } finally {
    closeSync(fd);
  }
}
