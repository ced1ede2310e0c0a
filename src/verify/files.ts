import { type Dirent, readdirSync } from 'node:fs';
import { relative } from 'node:path';
import { AuditError } from '../errors.ts';
import type { Inventory, PayloadFile } from '../log/inventory.ts';
import { formatBundle } from '../merkle/bundle.ts';
import { TILE_WIDTH, tilePath } from '../merkle/tile.ts';
import { HASH_BYTES } from '../merkle/tree.ts';
import { isCode, readWhole, TEMPORARY } from '../store/durable.ts';
import {
  checkpointPath,
  FORMAT,
  formatPath,
  isFrames,
  type Layout,
  lockPath,
  parseOpenName,
  parseQuarantineName,
  parseRecordsName,
  payloadPath,
  quarantinePath,
  recordsPath,
  settingsPath,
  tileFile,
} from '../store/layout.ts';
import { partialWidths } from '../store/log.ts';
import type { Verified } from './columns.ts';
import { type Finding, notReadable, type Pending } from './finding.ts';
import type { LeafHashes } from './hashes.ts';

/** Tiles, byte for byte as the entries' hashes make them (SPEC 9, step 9). */
export function checkTiles(at: Layout, hashes: LeafHashes): Finding[] {
  const findings: Finding[] = [];
  let level = 0;
  for (const all of hashes.levels()) {
    for (let index = 0; index * TILE_WIDTH * HASH_BYTES < all.length; index++) {
      const bytes = all.subarray(index * TILE_WIDTH * HASH_BYTES, (index + 1) * TILE_WIDTH * HASH_BYTES);
      const width = bytes.length / HASH_BYTES;
      findings.push(...compare(at, level, index, width, w => bytes.subarray(0, w * HASH_BYTES)));
    }
    level++;
  }
  return findings;
}

/** A bundle and the narrower ones before it, byte for byte as its entries make it. */
export function checkBundle(at: Layout, index: number, notes: readonly Buffer[]): Finding[] {
  return compare(at, 'entries', index, notes.length, w => formatBundle(notes.slice(0, w)));
}

/**
 * The file of that width and any narrower one that has not been removed yet. Where a writer has gone on meanwhile,
 * the file of that width may be gone already: then a wider one that begins the same stands for it.
 */
function compare(
  at: Layout,
  level: number | 'entries',
  index: number,
  width: number,
  made: (width: number) => Buffer,
): Finding[] {
  const fileOf = (w: number): string => tileFile(at, level, index, w === TILE_WIDTH ? undefined : w);
  const findings: Finding[] = [];
  let widths: number[];
  try {
    widths = [...partialWidths(at, level, index), TILE_WIDTH].filter(w => w !== width);
  } catch (error) {
    return [notReadable(relative(at.store, fileOf(width)), error)];
  }
  const bytesOf = (w: number): Buffer | undefined => readOrNothing(fileOf(w), TILE_WIDTH * 65_537);
  const check = (w: number): boolean => {
    const bytes = bytesOf(w);
    const wanted = made(Math.min(w, width));
    if (!bytes) return false;
    if (!bytes.subarray(0, w > width ? wanted.length : bytes.length).equals(wanted)) {
      findings.push({ code: 'TILE_ALTERED', file: relative(at.store, fileOf(w)) });
    }
    return true;
  };
  try {
    for (const w of widths.filter(n => n < width)) check(w);
    if (!check(width) && !widths.filter(n => n > width).some(check))
      findings.push({ code: 'TILE_MISSING', file: relative(at.store, fileOf(width)) });
  } catch (error) {
    findings.push(notReadable(relative(at.store, fileOf(width)), error));
  }
  return findings;
}

/** What can't be read as a file is not there. */
function readOrNothing(path: string, max: number): Buffer | undefined {
  try {
    return readWhole(path, max);
  } catch (error) {
    if (error instanceof AuditError || isCode(error, 'ENOTDIR', 'EISDIR')) return undefined;
    throw error;
  }
}

export function checkFormatFile(at: Layout): Finding[] {
  let format: string | undefined;
  try {
    format = readOrNothing(formatPath(at), 4096)?.toString('utf8');
  } catch (error) {
    return [notReadable('FORMAT', error)];
  }
  if (format === FORMAT) return [];
  if (/^slmaudit-store\/\d+\n$/.test(format ?? ''))
    return [{ code: 'WRITTEN_BY_NEWER', file: 'FORMAT', actual: format!.trim() }];
  return [
    {
      code: 'FORMAT_ALTERED',
      file: 'FORMAT',
      expected: FORMAT.trim(),
      actual: format?.slice(0, 80) ?? 'none',
    },
  ];
}

/** How far the log is verified, and how far it may have grown while this was reading. */
export interface Reach {
  readonly size: number;
  readonly segments: number;
  readonly sizeNow: () => number;
}

/**
 * Every file of the store that the log does not account for (SPEC 9, step 12): what writers leave for a moment is
 * pending, all else is a stray.
 */
export function checkStrays(
  at: Layout,
  reach: Reach,
  inventory: Inventory<Verified>,
): { findings: Finding[]; pending: Pending[] } {
  const stated = statedBy(at, inventory);
  const gone = new Set<string>();
  const unknown: string[] = [];
  const findings: Finding[] = [];
  const refused = (folder: string, error: unknown): void =>
    void findings.push(notReadable(relative(at.store, folder).replaceAll('\\', '/') || '.', error));
  for (const path of filesUnder(at.store, refused)) {
    const told = stated(path);
    if (told === 'gone') gone.add(path);
    if (told !== 'there') unknown.push(path);
  }
  // Read behind the listing: no file in it can be of a later entry than the next one.
  const beyond = reach.sizeNow() + 1 - reach.size;
  const pending: Pending[] = [];
  for (const path of unknown) {
    const file = relative(at.store, path).replaceAll('\\', '/');
    const kind = gone.has(path) ? 'leftover' : pendingKind(file, reach, beyond);
    if (kind === 'tile') continue;
    if (kind === 'aside') findings.push({ code: 'SET_ASIDE', file });
    else if (kind) pending.push({ kind, file });
    else findings.push({ code: 'STRAY_FILE', file });
  }
  return { findings, pending };
}

/** What the log says of a file: that it is there, or that it was and no longer belongs; undefined: nothing. */
function statedBy(
  at: Layout,
  inventory: Inventory<Verified>,
): (path: string) => 'there' | 'gone' | undefined {
  const own = new Set([formatPath(at), checkpointPath(at), settingsPath(at), lockPath(at)]);
  const pathOf = (file: PayloadFile): string => recordsPath(at, file, inventory.get(file.segments[0]!)!.at);
  const superseded = new Set(inventory.superseded.map(pathOf));
  // Names are made of segments, so each leads to the one segment that can state it.
  return path => {
    if (own.has(path)) return 'there';
    const name = path.slice(path.lastIndexOf('/') + 1);
    const records = parseRecordsName(name)?.segment;
    const rejected = parseQuarantineName(name);
    const segment = inventory.get(records ?? rejected ?? -1);
    if (segment && rejected !== undefined && path === quarantinePath(at, segment.segment)) {
      if (segment.rejected) return inventory.hasRejected(segment) ? 'there' : 'gone';
    } else if (segment && records !== undefined) {
      const file = inventory.files.get(records);
      if (file?.segments[0] === records && path === pathOf(file)) return 'there';
      if (segment.payload && path === payloadPath(at, records, segment.at)) return 'gone';
    }
    return superseded.has(path) ? 'gone' : undefined;
  };
}

function pendingKind(
  file: string,
  reach: Reach,
  beyond: number,
): Pending['kind'] | 'tile' | 'aside' | undefined {
  const name = file.slice(file.lastIndexOf('/') + 1);
  // Only where writers make them.
  if (TEMPORARY.test(name) && /^(?:log\/|open\/[^/]*$|[^/]*$)/.test(file)) return 'temporary';
  if (/^lock\.[0-9a-f]{16}$/.test(file)) return 'temporary';
  if (file.startsWith('open/')) {
    const form = parseOpenName(name)?.form;
    if (form === 'aside') return form;
    if (form) return isFrames(form) ? 'open' : 'temporary';
    const byProduct =
      /^open\/(?:untidy|[0-9a-f]{32}\.claim(?:\.[0-9a-f]{16})?|\.duckdb\/duckdb_temp_[\w.-]+)$/;
    return byProduct.test(file) ? 'temporary' : undefined;
  }
  const records = /^records\/sealed_on=\d{4}-\d\d-\d\d\/([^/]+)$/.exec(file);
  const placed = records ? parseRecordsName(records[1]!) : undefined;
  const rejected = /^quarantine\/[^/]+$/.test(file) ? parseQuarantineName(name) : undefined;
  const isNext = (ahead: number): boolean => ahead >= 0 && ahead < beyond;
  // What an interrupted writer wrote for the next entry: the next writer makes it again.
  if (placed?.entry !== undefined) return isNext(placed.entry - reach.size) ? 'uncommitted' : undefined;
  const segment = placed?.segment ?? rejected;
  if (segment !== undefined) return isNext(segment - reach.segments) ? 'uncommitted' : undefined;
  return tileKind(file, reach.size, beyond);
}

/** A tile of the log is checked elsewhere; a narrower one awaits removal, a wider one its checkpoint. */
function tileKind(file: string, size: number, beyond: number): Pending['kind'] | 'tile' | undefined {
  const parts = /^log\/tile\/(entries|\d)\/((?:x\d{3}\/)*\d{3})(?:\.p\/([1-9]\d{0,2}))?$/.exec(file);
  if (!parts) return undefined;
  const [, level, groups = '', partial] = parts;
  const index = Number(groups.replaceAll(/[x/]/g, ''));
  const widthAt = (n: number): number => {
    const hashes = level === 'entries' ? n : Math.floor(n / TILE_WIDTH ** Number(level));
    return Math.min(TILE_WIDTH, hashes - index * TILE_WIDTH);
  };
  const stated = partial === undefined ? TILE_WIDTH : Number(partial);
  if (file !== `log/${tilePath(level === 'entries' ? level : Number(level), index, stated)}`)
    return undefined;
  if (stated === widthAt(size)) return 'tile';
  if (stated < widthAt(size)) return 'superseded';
  return stated <= widthAt(size + beyond) ? 'uncommitted' : undefined;
}

/** `refused`: told of a folder that can't be read. */
function* filesUnder(folder: string, refused: (folder: string, error: unknown) => void): Generator<string> {
  let entries: Dirent[];
  try {
    entries = readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (error) {
    // Deeper than any name reaches: no writer made it.
    if (isCode(error, 'ENAMETOOLONG')) yield folder;
    else if (!isCode(error, 'ENOENT')) refused(folder, error);
    return;
  }
  for (const entry of entries) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) yield* filesUnder(path, refused);
    else yield path;
  }
}
