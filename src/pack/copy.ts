import { closeSync, createReadStream, createWriteStream, fstatSync, renameSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Told } from '../coverage/told.ts';
import { readTold } from '../coverage/told.ts';
import type { PayloadFile, SealedSegment } from '../log/inventory.ts';
import { TILE_WIDTH, tilesOf } from '../merkle/tile.ts';
import { isCode, makeFolder, openToRead } from '../store/durable.ts';
import { checkpointPath, formatPath, type Layout, recordsPath, tileFile } from '../store/layout.ts';
import { readCheckpoint } from '../store/log.ts';
import { isMeant, type Only } from '../verify/only.ts';

/** What of a store lies in a pack: the log whole, and the files of records of a span. */
export interface Copied {
  readonly at: Layout;
  readonly told: Told;
  readonly meant: readonly SealedSegment[];
  /** Files with records of these segments, and where they lie in the store. */
  readonly files: readonly { readonly file: PayloadFile; readonly path: string }[];
}

/** Runs `work` while some files of a copied store are not there; files that are not there anyway don't matter. */
export async function without<T>(
  { store }: Layout,
  files: ReadonlySet<string>,
  work: () => Promise<T>,
): Promise<T> {
  const there = [...files].map(file => join(store, file)).filter(isThere);
  const aside = (path: string): string => `${path}.aside`;
  for (const path of there) renameSync(path, aside(path));
  try {
    return await work();
  } finally {
    for (const path of there) renameSync(aside(path), path);
  }
}

/** A writer may commit, and take files away, while this copies. */
const ATTEMPTS = 5;

/** Copies to an empty folder. What is missing in the store is missing in the copy: verifying it says so. */
export async function copyStore(from: Layout, make: () => string, only: Only | undefined): Promise<Copied> {
  for (let attempt = 1; ; attempt++) {
    const at = { store: make() };
    const { copied, isWhole } = await copyOnce(from, at, only);
    const moved = readCheckpoint(from).size !== copied.told.head.size;
    if (isWhole || !moved || attempt === ATTEMPTS) return copied;
  }
}

async function copyOnce(
  from: Layout,
  at: Layout,
  only: Only | undefined,
): Promise<{ copied: Copied; isWhole: boolean }> {
  makeFolder(join(at.store, 'log'), 0o700);
  let isWhole = true;
  const copy = async (path: string): Promise<void> => {
    const to = join(at.store, relative(from.store, path));
    makeFolder(dirname(to), 0o700);
    if (!(await copyFile(path, to))) isWhole = false;
  };
  await copy(formatPath(from));
  await copy(checkpointPath(from));
  const { size } = readCheckpoint(at);
  for (let index = 0; index * TILE_WIDTH < size; index++)
    await copy(fileOf(from, 'entries', index, Math.min(TILE_WIDTH, size - index * TILE_WIDTH)));
  for (const { level, index, width } of tilesOf(size)) await copy(fileOf(from, level, index, width));
  const told = readTold(at);
  const { inventory } = told;
  const meant = inventory.segments.filter(segment => isMeant(segment, only));
  const files: Copied['files'][number][] = [];
  for (const file of new Set(meant.map(s => inventory.files.get(s.segment)))) {
    if (!file) continue;
    const path = recordsPath(from, file, inventory.get(file.segments[0]!)!.at);
    files.push({ file, path: relative(from.store, path) });
    await copy(path);
  }
  return { copied: { at, told, meant, files }, isWhole };
}

/** Of exactly that width: a writer takes it away only once it has gone on, and then all is copied anew. */
const fileOf = (from: Layout, level: number | 'entries', index: number, width: number): string =>
  tileFile(from, level, index, width === TILE_WIDTH ? undefined : width);

function isThere(path: string): boolean {
  try {
    closeSync(openToRead(path));
    return true;
  } catch (error) {
    if (isCode(error, 'ENOENT', 'ELOOP', 'ENOTDIR')) return false;
    throw error;
  }
}

/** A regular file, never through a symbolic link; false where there is none. */
async function copyFile(path: string, to: string): Promise<boolean> {
  let fd: number;
  try {
    fd = openToRead(path);
  } catch (error) {
    if (isCode(error, 'ENOENT', 'ELOOP', 'ENOTDIR')) return false;
    throw error;
  }
  if (!fstatSync(fd).isFile()) {
    closeSync(fd);
    return false;
  }
  await pipeline(createReadStream('', { fd }), createWriteStream(to, { flags: 'w', mode: 0o600 }));
  return true;
}
