import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatBundle, parseBundle } from '../../src/merkle/bundle.ts';
import { appendToTiles, proofFromTiles, rootFromTiles, tilePath, tilesOf } from '../../src/merkle/tile.ts';
import { inclusionProof } from '../../src/merkle/proof.ts';
import { leafHash, rootOf } from '../../src/merkle/tree.ts';

test('C2SP tlog-tiles: the paths of the specification', () => {
  assert.equal(tilePath(0, 0), 'tile/0/000');
  assert.equal(tilePath(0, 1234067), 'tile/0/x001/x234/067');
  assert.equal(tilePath(1, 0, 5), 'tile/1/000.p/5');
  assert.equal(tilePath('entries', 273, 112), 'tile/entries/273.p/112');
});

test('C2SP tlog-tiles: a tree of 70,000 has the tiles of the specification', () => {
  const tiles = tilesOf(70_000);
  assert.equal(tiles.filter(t => t.level === 0 && t.width === 256).length, 273);
  assert.deepEqual(
    tiles.filter(t => t.width < 256),
    [
      { level: 0, index: 273, width: 112 },
      { level: 1, index: 1, width: 17 },
      { level: 2, index: 0, width: 1 },
    ],
  );
});

test('a log that grows by one or by many has the root of its leaves, read from its right edge alone', () => {
  const files = new Map<string, Buffer>();
  const read = (level: number, index: number, width: number): Buffer => {
    const tile = files.get(`${level}/${index}`);
    assert.ok(tile && tile.length >= width * 32, `tile ${level}/${index}`);
    return tile.subarray(0, width * 32);
  };
  const leaves: Buffer[] = [];
  for (const step of [1, 1, 3, 250, 1, 1, 255, 256, 1, 700, 1]) {
    const added = Array.from({ length: step }, (_, i) => leafHash(Buffer.from(`${leaves.length + i}`)));
    const grown = appendToTiles(leaves.length, read, added);
    for (const t of grown.tiles) files.set(`${t.level}/${t.index}`, t.bytes);
    leaves.push(...added);
    assert.ok(grown.root.equals(rootOf(leaves)), `root at ${leaves.length}`);
    assert.ok(rootFromTiles(leaves.length, read).equals(rootOf(leaves)));
    for (const at of [0, 1, 255, 256, 300, 511, 512, leaves.length - 1].filter(n => n < leaves.length))
      assert.deepEqual(proofFromTiles(leaves.length, at, read), inclusionProof(leaves, at));
  }
  for (const { level, index, width } of tilesOf(leaves.length))
    assert.equal(read(level, index, width).length, width * 32);
});

test('a bundle gives back its entries; one that is cut anywhere is refused or shorter', () => {
  const entries = ['', 'a', 'bc'.repeat(900)].map(t => Buffer.from(t));
  const bundle = formatBundle(entries);
  assert.deepEqual(parseBundle(bundle), entries);
  for (let cut = 1; cut < bundle.length; cut += 97) {
    const short = bundle.subarray(0, bundle.length - cut);
    try {
      assert.ok(parseBundle(short).length < entries.length);
    } catch (error) {
      assert.equal((error as { code?: string }).code, 'BUNDLE_MALFORMED');
    }
  }
});
