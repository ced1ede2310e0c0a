import { split } from './proof.ts';
import { CompactTree, nodeHash, rootOf } from './tree.ts';

/** C2SP tlog-tiles: a tile of level L holds up to 256 hashes, each the root of a complete subtree of 256^L leaves. */
export const TILE_WIDTH = 256;

export interface Tile {
  readonly level: number;
  readonly index: number;
  readonly width: number;
  readonly bytes: Buffer;
}

export type ReadTile = (level: number, index: number, width: number) => Buffer;

/** `tile/0/x001/x234/067`, `tile/entries/000.p/5`: no width, or 256, is a full tile. */
export function tilePath(level: number | 'entries', index: number, width: number = TILE_WIDTH): string {
  const groups = [String(index % 1000).padStart(3, '0')];
  for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000)) {
    groups.unshift(`x${String(rest % 1000).padStart(3, '0')}`);
  }
  return `tile/${level}/${groups.join('/')}${width === TILE_WIDTH ? '' : `.p/${width}`}`;
}

/** Every tile of a log of `size` entries, from the leaves up: full ones, and one partial at each right edge. */
export function tilesOf(size: number): { level: number; index: number; width: number }[] {
  const tiles = [];
  for (let level = 0, hashes = size; hashes > 0; level++, hashes = Math.floor(hashes / TILE_WIDTH)) {
    for (let index = 0; index * TILE_WIDTH < hashes; index++) {
      tiles.push({ level, index, width: Math.min(TILE_WIDTH, hashes - index * TILE_WIDTH) });
    }
  }
  return tiles;
}

/** The root of the log of `size` entries from its right edge: the tiles that are not full, and the topmost. */
export function rootFromTiles(size: number, read: ReadTile): Buffer {
  let root: Buffer | undefined;
  for (let level = 0, hashes = size; hashes > 0; level++, hashes = Math.floor(hashes / TILE_WIDTH)) {
    const width = hashes % TILE_WIDTH;
    if (width === 0) continue;
    const edge = subtreeRoots(hashesOf(read(level, Math.floor(hashes / TILE_WIDTH), width)));
    for (const left of edge.toReversed()) root = root ? nodeHash(left, root) : left;
  }
  return root ?? new CompactTree().root();
}

/**
 * The proof that entry `index` stands in the log of `size` entries, as inclusionProof() makes it of all its leaves, from one tile a level
 * and a few beside. Whoever calls checks it: of what the tiles say nothing is.
 */
export function proofFromTiles(size: number, index: number, read: ReadTile): Buffer[] {
  const complete = (level: number, at: number): Buffer => {
    // A tile holds the roots of eight levels' lowest: those between are made of them.
    const [tiles, above] = [Math.floor(level / 8), 2 ** (level % 8)];
    const first = at * above;
    const tile = Math.floor(first / TILE_WIDTH);
    const hashes = Math.floor(size / TILE_WIDTH ** tiles) - tile * TILE_WIDTH;
    const from = first % TILE_WIDTH;
    return rootOf(hashesOf(read(tiles, tile, Math.min(TILE_WIDTH, hashes))).slice(from, from + above));
  };
  const root = (from: number, to: number): Buffer => {
    const level = Math.log2(to - from);
    if (Number.isInteger(level)) return complete(level, from / (to - from));
    const middle = from + split(to - from);
    return nodeHash(root(from, middle), root(middle, to));
  };
  const path = (from: number, to: number): Buffer[] => {
    if (to - from === 1) return [];
    const middle = from + split(to - from);
    return index < middle
      ? [...path(from, middle), root(middle, to)]
      : [...path(middle, to), root(from, middle)];
  };
  return path(0, size);
}

/** Adds leaves behind a log of `size` entries, reading its right edge only; returns the tiles that are new. */
export function appendToTiles(
  size: number,
  read: ReadTile,
  leaves: readonly Buffer[],
): { tiles: Tile[]; root: Buffer } {
  const made = new Map<string, Tile>();
  let added: readonly Buffer[] = leaves;
  for (let level = 0, hashes = size; added.length > 0; level++, hashes = Math.floor(hashes / TILE_WIDTH)) {
    const complete: Buffer[] = [];
    let index = Math.floor(hashes / TILE_WIDTH);
    let tile = hashes % TILE_WIDTH === 0 ? [] : hashesOf(read(level, index, hashes % TILE_WIDTH));
    for (const hash of added) {
      tile.push(hash);
      if (tile.length < TILE_WIDTH) continue;
      keep(made, level, index, tile);
      complete.push(subtreeRoots(tile)[0]!);
      index++;
      tile = [];
    }
    if (tile.length > 0) keep(made, level, index, tile);
    added = complete;
  }
  const grown = size + leaves.length;
  const root = rootFromTiles(
    grown,
    (level, index, width) => made.get(`${level}/${index}`)?.bytes ?? read(level, index, width),
  );
  return { tiles: [...made.values()], root };
}

function keep(made: Map<string, Tile>, level: number, index: number, hashes: Buffer[]): void {
  made.set(`${level}/${index}`, { level, index, width: hashes.length, bytes: Buffer.concat(hashes) });
}

function hashesOf(tile: Buffer): Buffer[] {
  const hashes = [];
  for (let at = 0; at < tile.length; at += 32) hashes.push(tile.subarray(at, at + 32));
  return hashes;
}

/** The roots of the complete subtrees that a run of hashes falls into, largest first. */
function subtreeRoots(hashes: readonly Buffer[]): Buffer[] {
  const roots: Buffer[] = [];
  hashes.forEach((hash, i) => {
    let node = hash;
    for (let rest = i; rest % 2 === 1; rest = (rest - 1) / 2) node = nodeHash(roots.pop()!, node);
    roots.push(node);
  });
  return roots;
}
