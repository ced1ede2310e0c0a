import { join } from 'node:path';
import { AuditError } from '../errors.ts';
import { type Checkpoint, parseCheckpoint, signCheckpoint } from '../log/checkpoint.ts';
import { MAX_ENTRY_BYTES } from '../log/entry.ts';
import { formatBundle, parseBundle } from '../merkle/bundle.ts';
import { appendToTiles, TILE_WIDTH } from '../merkle/tile.ts';
import { leafHash } from '../merkle/tree.ts';
import type { SignerKey } from '../note/key.ts';
import { makeFolder, readWhole, removeFile, replaceFile } from './durable.ts';
import { checkpointPath, type Layout, namesIn, tileFile } from './layout.ts';

/*
 * The C2SP tlog-tiles log of entries on disk (SPEC 3). Partial tiles and bundles are new files, never rewritten:
 * a reader that holds an older checkpoint reads a wider file's first part, which is the same.
 */

const MAX_BUNDLE_BYTES = TILE_WIDTH * (MAX_ENTRY_BYTES + 2);

export interface Head extends Checkpoint {
  /** The signed note as it stands on disk. */
  readonly note: Buffer;
}

/** Throws CHECKPOINT_MISSING or CHECKPOINT_MALFORMED. The signature is checked by verify. */
export function readCheckpoint(at: Layout): Head {
  const note = readSmall(checkpointPath(at));
  if (note === undefined) {
    throw new AuditError('CHECKPOINT_MISSING', `${checkpointPath(at)} is missing`, {
      hint: 'if `slmaudit init` was interrupted, remove the store and its keys and run it again; else restore that file',
    });
  }
  return { ...parseCheckpoint(note), note };
}

/** What stands in a checkpoint's place and is none: a symbolic link, a folder, a megabyte. */
function readSmall(path: string): Buffer | undefined {
  try {
    return readWhole(path, 65_536);
  } catch (cause) {
    if (!(cause instanceof AuditError)) throw cause;
    throw new AuditError('CHECKPOINT_MALFORMED', `malformed checkpoint: ${cause.message}`, { cause });
  }
}

/** The notes `from`, ..., `to - 1`, a bundle at a time in memory. Throws BUNDLE_MISSING, BUNDLE_MALFORMED. */
export function* readEntries(at: Layout, from: number, to: number): Generator<Buffer> {
  for (let bundle = Math.floor(from / TILE_WIDTH); bundle * TILE_WIDTH < to; bundle++) {
    const start = bundle * TILE_WIDTH;
    const wanted = Math.min(TILE_WIDTH, to - start);
    const entries = readBundle(at, bundle, wanted);
    for (let i = Math.max(0, from - start); i < wanted; i++) yield entries[i]!;
  }
}

/** At least the first `width` entries of a bundle. */
export function readBundle(at: Layout, index: number, width: number): Buffer[] {
  const data = readWidest(at, 'entries', index, width, MAX_BUNDLE_BYTES);
  if (data === undefined) {
    throw new AuditError('BUNDLE_MISSING', `${tileFile(at, 'entries', index, partial(width))} is missing`);
  }
  const entries = parseBundle(data).map(e => Buffer.from(e.buffer, e.byteOffset, e.length));
  if (entries.length < width) {
    throw new AuditError('BUNDLE_MALFORMED', `bundle ${index} holds ${entries.length} entries, not ${width}`);
  }
  return entries;
}

/** Exactly the first `width` hashes of a tile. Throws TILE_MISSING. */
export function readTile(at: Layout, level: number, index: number, width: number): Buffer {
  const data = readWidest(at, level, index, width, TILE_WIDTH * 32);
  if (data === undefined || data.length < width * 32) {
    throw new AuditError('TILE_MISSING', `${tileFile(at, level, index, partial(width))} is missing or cut`);
  }
  return data.subarray(0, width * 32);
}

/**
 * The file of that width; else the narrowest wider one, since a writer removes a partial file once a wider one
 * stands behind a checkpoint.
 */
function readWidest(
  at: Layout,
  level: number | 'entries',
  index: number,
  width: number,
  max: number,
): Buffer | undefined {
  const exact = readWhole(tileFile(at, level, index, partial(width)), max);
  if (exact) return exact;
  const wider = partialWidths(at, level, index).filter(w => w > width);
  for (const w of wider) {
    const data = readWhole(tileFile(at, level, index, w), max);
    if (data) return data;
  }
  return width < TILE_WIDTH ? readWhole(tileFile(at, level, index), max) : undefined;
}

export function partialWidths(at: Layout, level: number | 'entries', index: number): number[] {
  return namesIn(`${tileFile(at, level, index)}.p`)
    .filter(name => /^[1-9]\d{0,2}$/.test(name))
    .map(Number)
    .sort((a, b) => a - b);
}

const partial = (width: number): number | undefined => (width === TILE_WIDTH ? undefined : width);

/**
 * Writes entry `size` behind the log of `size` entries: bundle and tiles, each durable. Nothing counts before
 * publish(). Doing it again with the same note writes the same bytes.
 */
export function writeEntry(at: Layout, size: number, note: Buffer): Checkpoint['root'] {
  const bundle = Math.floor(size / TILE_WIDTH);
  const before =
    size % TILE_WIDTH === 0 ? [] : readBundle(at, bundle, size % TILE_WIDTH).slice(0, size % TILE_WIDTH);
  const width = before.length + 1;
  write(tileFile(at, 'entries', bundle, partial(width)), formatBundle([...before, note]));
  const grown = appendToTiles(size, (level, index, w) => readTile(at, level, index, w), [leafHash(note)]);
  for (const tile of grown.tiles)
    write(tileFile(at, tile.level, tile.index, partial(tile.width)), tile.bytes);
  return Buffer.from(grown.root);
}

function write(path: string, bytes: Uint8Array): void {
  makeFolder(join(path, '..'));
  replaceFile(path, bytes, 0o444);
}

/** The commit point: the checkpoint by rename. Returns the note. */
export function publish(at: Layout, checkpoint: Checkpoint, logKey: SignerKey): string {
  const note = signCheckpoint(checkpoint, logKey);
  replaceFile(checkpointPath(at), note);
  return note;
}

/**
 * Removes partial files that are narrower than what the log of `size` entries has, at the right edge only. (C2SP
 * lets them go once the full tile exists; 255 partial bundles of one would cost 32 MB until then.)
 */
export function removeNarrower(at: Layout, size: number): void {
  for (const level of ['entries', 0, 1, 2, 3, 4, 5, 6] as const) {
    const hashes = Math.floor(size / TILE_WIDTH ** (level === 'entries' ? 0 : level));
    if (hashes === 0) break;
    const index = Math.floor(hashes / TILE_WIDTH);
    const width = hashes % TILE_WIDTH;
    for (const w of partialWidths(at, level, index)) {
      if (w < width) removeFile(tileFile(at, level, index, w));
    }
    if (width === 0 && index > 0) {
      for (const w of partialWidths(at, level, index - 1)) removeFile(tileFile(at, level, index - 1, w));
    }
  }
}
