import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { AuditError } from '../errors.ts';

/**
 * Files that survive a power cut. What strace shows for replaceFile:
 *
 *     openat(dir/.tmp-<random>, O_CREAT|O_EXCL|O_WRONLY|O_NOFOLLOW) write fsync close
 *     rename(dir/.tmp-<random>, dir/name)
 *     openat(dir, O_RDONLY) fsync close
 *
 * An fsync that fails is fatal and never tried again: after a failure the kernel may call lost pages clean
 * (PostgreSQL's incident of 2018; Rebello et al., USENIX ATC 2020).
 */
export function replaceFile(path: string, data: Uint8Array | string, mode = 0o644): void {
  const temporary = writeTemporary(path, data, mode);
  renameSync(temporary, path);
  syncFolder(dirname(path));
}

/**
 * Creates `path` with its complete content, or fails with EEXIST: link(2) is what keeps two writers apart.
 * The temporary name is gone either way.
 */
export function createFile(path: string, data: Uint8Array | string, mode = 0o644): void {
  const temporary = writeTemporary(path, data, mode);
  try {
    linkSync(temporary, path);
  } finally {
    unlinkSync(temporary);
  }
  syncFolder(dirname(path));
}

/** Names that an interrupted write can leave behind in any folder of the store; the next writer removes them. */
export const TEMPORARY: RegExp = /^\.tmp-[0-9a-f]{16}$/;

function writeTemporary(path: string, data: Uint8Array | string, mode: number): string {
  const temporary = `${dirname(path)}/.tmp-${randomBytes(8).toString('hex')}`;
  const fd = openSync(
    temporary,
    constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | constants.O_NOFOLLOW,
    mode,
  );
  try {
    writeAll(fd, typeof data === 'string' ? Buffer.from(data, 'utf8') : data);
    fsyncSync(fd);
  } catch (error) {
    unlinkSync(temporary);
    throw error;
  } finally {
    closeSync(fd);
  }
  return temporary;
}

/** write(2) may write less than it was given; a loop, since a short append is not an error. */
export function writeAll(fd: number, data: Uint8Array): void {
  for (let done = 0; done < data.length;) done += writeSync(fd, data, done, data.length - done);
}

export function syncFile(path: string): void {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

export function syncFolder(path: string): void {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Makes a folder and the ones above it, each made durable in its parent. */
export function makeFolder(path: string, mode = 0o755): void {
  const made = mkdirSync(path, { recursive: true, mode });
  if (made === undefined) return;
  for (let at = path; at.length >= made.length; at = dirname(at)) syncFolder(dirname(at));
}

/**
 * A descriptor to read from: never through a symbolic link (ELOOP), and without waiting for the writer of a pipe that was put there. Whether
 * it is a file is for the caller to see.
 */
export const openToRead = (path: string): number =>
  openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);

/**
 * The whole of a regular file, never through a symbolic link. Undefined if there is none; throws UNSAFE_PATH for
 * a link or a folder, TOO_LARGE above `maxBytes`.
 */
export function readWhole(path: string, maxBytes: number): Buffer | undefined {
  let fd: number;
  try {
    fd = openToRead(path);
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined;
    if (isCode(error, 'ELOOP')) throw new AuditError('UNSAFE_PATH', `${path} is a symbolic link`);
    throw error;
  }
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw new AuditError('UNSAFE_PATH', `${path} is not a regular file`);
    if (stat.size > maxBytes)
      throw new AuditError('TOO_LARGE', `${path} has ${stat.size} bytes, more than ${maxBytes}`);
    const data = Buffer.allocUnsafe(stat.size);
    let got = 0;
    for (let n = -1; got < data.length && n !== 0; got += n)
      n = readSync(fd, data, got, data.length - got, got);
    return data.subarray(0, got);
  } finally {
    closeSync(fd);
  }
}

export function isCode(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}

/** What the system says of a place that this user may not write, or not now; anything else is a mistake of this program. */
export const isUnwritable = (error: unknown): boolean =>
  isCode(error, 'EACCES', 'ENOTDIR', 'EROFS', 'EPERM', 'ENOSPC', 'EDQUOT', 'ENOENT');

/** Milliseconds since a file was last written; 0 if it is gone. */
export function ageOf(path: string): number {
  try {
    return Date.now() - lstatSync(path).mtimeMs;
  } catch (error) {
    if (isCode(error, 'ENOENT')) return 0;
    throw error;
  }
}

/** Unlinks if it is there. Throws UNSAFE_PATH for a folder. */
export function removeFile(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (isCode(error, 'ENOENT')) return;
    if (!lstatSync(path, { throwIfNoEntry: false })?.isDirectory()) throw error;
    throw new AuditError('UNSAFE_PATH', `${path} is a folder, where only a file can be`, {
      hint: 'no slmaudit made it: look at it, move it away, then run the same command again',
      cause: error,
    });
  }
}

/** All that a file, a pipe or a device gives; a device may never end. Throws TOO_LARGE, and what the system says. */
export function readBounded(from: string, maxBytes: number): Buffer {
  const fd = openSync(from, constants.O_RDONLY);
  try {
    const parts: Buffer[] = [];
    for (let size = 0; ;) {
      const part = Buffer.allocUnsafe(64 << 10);
      const got = readSync(fd, part, 0, part.length, null);
      if (got === 0) return Buffer.concat(parts);
      parts.push(part.subarray(0, got));
      size += got;
      if (size > maxBytes) throw new AuditError('TOO_LARGE', `${from} gives more than ${maxBytes} bytes`);
    }
  } finally {
    closeSync(fd);
  }
}
