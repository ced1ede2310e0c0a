import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { AuditError } from '../errors.ts';
import type { SourceRange } from '../log/segment.ts';
import { isCode } from '../store/durable.ts';
import type { RecordKey } from '../store/keys.ts';
import { identitiesOf, type InputFile, inspectFile } from './file.ts';

export interface SiblingOptions {
  readonly keys: readonly RecordKey[];
  readonly rangesOf: (identity: string) => readonly SourceRange[];
  /** Is this file being read already? `device:inode` */
  readonly isOpen: (file: string) => boolean;
  /**
   * Since when the store knows this log, milliseconds: a rotated file that was written since then and that nobody has
   * read is a part of it that was missed. What was there before, nobody asked for.
   */
  readonly since: number;
}

/** Rotated files that are looked at, the newest first. */
const MOST = 50;
/** What rotation puts behind a name: a number, or a date, and `.gz`. */
const ROTATED =
  /^[.\-_](?:\d{1,5}|\d{4}-?\d\d-?\d\d(?:[T._-]?\d\d[:.-]?\d\d(?:[:.-]?\d\d)?)?(?:[.-]\d{1,5})?|\d{10})(?:\.gz)?$/;

export const fileKey = ({ dev, ino }: { readonly dev: number; readonly ino: number }): string =>
  `${dev}:${ino}`;

/**
 * Files that a followed log was rotated to (`access.log.1`, `access.log-20260501.gz`) with lines that the store doesn't
 * have: of which it holds the beginning and not the end, and those that came and went while nobody looked. The oldest
 * first.
 */
export async function unreadSiblings(path: string, options: SiblingOptions): Promise<string[]> {
  const { keys, rangesOf, isOpen, since } = options;
  const unread: string[] = [];
  for (const sibling of rotatedFiles(path)
    .filter(({ file }) => !isOpen(file))
    .slice(0, MOST)) {
    const file = readableFile(sibling.path);
    const identities = file && (await identitiesOf(file, keys));
    if (!identities) continue;
    const { of } = identities.find(i => rangesOf(i.of(0)).length > 0) ?? identities[0]!;
    // Files that begin with the same line have one identity each: one of them is this one.
    const ends: number[] = [];
    for (let end = endOf(rangesOf(of(0))); end > 0; end = endOf(rangesOf(of(ends.length)))) ends.push(end);
    const isUnseen = ends.length === 0;
    if (isUnseen ? sibling.at >= since : !ends.includes(sizeOf(file))) unread.push(sibling.path);
  }
  return unread.toReversed();
}

/** What became of a file that was read under a name which another file has now. */
export type Predecessor =
  | { readonly state: 'rotated'; readonly path: string; readonly size: number }
  /** No rotated file begins as it did: it was replaced, or its copy is elsewhere. */
  | { readonly state: 'gone' };

/** Rename and copytruncate both leave its lines in a file beside it; its identity tells which. */
export async function predecessorOf(
  path: string,
  identity: string,
  keys: readonly RecordKey[],
): Promise<Predecessor> {
  for (const sibling of rotatedFiles(path).slice(0, MOST)) {
    const file = readableFile(sibling.path);
    const identities = file && (await identitiesOf(file, keys));
    if (file && identities?.some(({ of }) => VARIANTS.some(variant => of(variant) === identity)) === true)
      return { state: 'rotated', path: sibling.path, size: sizeOf(file) };
  }
  return { state: 'gone' };
}

/** Files that begin with the same line have one identity each. */
const VARIANTS = [0, 1, 2, 3, 4, 5, 6, 7];

interface Rotated {
  readonly path: string;
  readonly file: string;
  /** When it was written last, milliseconds. */
  readonly at: number;
}

/** The newest first. */
function rotatedFiles(path: string): Rotated[] {
  const own = basename(path);
  const found: Rotated[] = [];
  for (const name of namesIn(dirname(path))) {
    if (!name.startsWith(own) || !ROTATED.test(name.slice(own.length))) continue;
    const sibling = join(dirname(path), name);
    const stat = statSync(sibling, { throwIfNoEntry: false });
    if (stat?.isFile()) found.push({ path: sibling, file: fileKey(stat), at: stat.mtimeMs });
  }
  return found.toSorted((a, b) => b.at - a.at);
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
