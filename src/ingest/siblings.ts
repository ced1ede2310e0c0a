import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { AuditError } from '../errors.ts';
import type { SourceRange } from '../log/segment.ts';
import { isCode } from '../store/durable.ts';
import { identitiesOf, type InputFile, inspectFile } from './file.ts';

/** Rotated files that are looked at, the newest first. */
const MOST = 50;

/**
 * Files that a log has been rotated to (`access.log.1`, `access.log-20260501.gz`) of which the store holds the beginning but
 * not the end: what was written between the last read and the rotation.
 */
export async function unfinishedSiblings(
  path: string,
  recordKey: Uint8Array,
  rangesOf: (identity: string) => readonly SourceRange[],
): Promise<string[]> {
  const found: { path: string; at: number }[] = [];
  const own = basename(path);
  for (const name of namesIn(dirname(path))) {
    if (name === own || !name.startsWith(own) || !/^[.\-_]/.test(name.slice(own.length))) continue;
    const sibling = join(dirname(path), name);
    const stat = statSync(sibling, { throwIfNoEntry: false });
    if (stat?.isFile()) found.push({ path: sibling, at: stat.mtimeMs });
  }
  const unfinished: string[] = [];
  for (const sibling of found.toSorted((a, b) => b.at - a.at).slice(0, MOST)) {
    const file = readableFile(sibling.path);
    const identities = file && (await identitiesOf(file, recordKey));
    if (!identities) continue;
    // Files that begin with the same line have one identity each: one of them is this one.
    const ends: number[] = [];
    for (let end = endOf(rangesOf(identities(0))); end > 0; end = endOf(rangesOf(identities(ends.length))))
      ends.push(end);
    if (ends.length > 0 && !ends.includes(sizeOf(file))) unfinished.push(sibling.path);
  }
  // The oldest lines first.
  return unfinished.toReversed();
}

/** A folder that may not be listed has no siblings for us: the file itself can still be followed. */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (isCode(error, 'EACCES', 'ENOENT')) return [];
    throw error;
  }
}

/** Undefined for what this user may not read: it may be anyone's. */
function readableFile(path: string): InputFile | undefined {
  try {
    return inspectFile(path);
  } catch (error) {
    if (error instanceof AuditError && error.code === 'INPUT_UNREADABLE') return undefined;
    throw error;
  }
}

const endOf = (ranges: readonly SourceRange[]): number => ranges.at(-1)?.to ?? 0;

/** Bytes, decompressed; of gzip what its last four bytes say, modulo 2^32 (RFC 1952, ISIZE). */
function sizeOf({ path, gzip }: InputFile): number {
  const { size } = statSync(path);
  if (!gzip || size < 18) return size;
  const fd = openSync(path, 'r');
  try {
    const last = Buffer.alloc(4);
    readSync(fd, last, 0, 4, size - 4);
    return last.readUInt32LE();
  } finally {
    closeSync(fd);
  }
}
