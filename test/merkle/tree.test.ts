import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  consistencyProof,
  inclusionProof,
  verifyConsistency,
  verifyInclusion,
} from '../../src/merkle/proof.ts';
import { CompactTree, EMPTY_ROOT, leafHash, rootOf } from '../../src/merkle/tree.ts';

const hex = (text: string): Buffer => Buffer.from(text, 'hex');

// The reference vectors of certificate-transparency: eight leaves and the root of each prefix.
const LEAVES = [
  '',
  '00',
  '10',
  '2021',
  '3031',
  '40414243',
  '5051525354555657',
  '606162636465666768696a6b6c6d6e6f',
].map(l => leafHash(hex(l)));
const ROOTS = [
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];

test('RFC 6962: the roots of the reference tree, from nothing to eight leaves', () => {
  assert.equal(
    EMPTY_ROOT.toString('hex'),
    'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  );
  assert.deepEqual(
    ROOTS.map((_, i) => rootOf(LEAVES.slice(0, i + 1)).toString('hex')),
    ROOTS,
  );
});

test('RFC 6962: inclusion proofs of the reference tree', () => {
  assert.deepEqual(
    inclusionProof(LEAVES, 0).map(h => h.toString('hex')),
    [
      '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7',
      '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
      '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4',
    ],
  );
  assert.deepEqual(
    inclusionProof(LEAVES, 5).map(h => h.toString('hex')),
    [
      'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
      'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
      'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    ],
  );
});

const made = (size: number): Buffer[] =>
  Array.from({ length: size }, (_, i) => leafHash(Buffer.from(String(i))));

test('each leaf proves itself and no other place, size or root', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 70 }), fc.nat(), (size, n) => {
      const leaves = made(size);
      const index = n % size;
      const proof = inclusionProof(leaves, index);
      const root = rootOf(leaves);
      assert.ok(verifyInclusion(leaves[index]!, index, size, proof, root));
      assert.ok(!verifyInclusion(leaves[index]!, index, size, proof, leafHash(root)));
      assert.ok(!verifyInclusion(leaves[index]!, index, size, [...proof, root], root));
      if (size > 1) assert.ok(!verifyInclusion(leaves[index]!, (index + 1) % size, size, proof, root));
    }),
  );
});

test('every prefix is proved to be one, and no other tree is', () => {
  for (let size = 1; size <= 33; size++) {
    const leaves = made(size);
    for (let old = 1; old <= size; old++) {
      const proof = consistencyProof(leaves, old);
      const [before, now] = [rootOf(leaves.slice(0, old)), rootOf(leaves)];
      assert.ok(verifyConsistency(old, size, proof, before, now), `${old} of ${size}`);
      assert.ok(!verifyConsistency(old, size, proof, leafHash(before), now));
      if (old < size) assert.ok(!verifyConsistency(old, size, proof, before, leafHash(now)));
    }
  }
});

test('a tree that only grows has the root of the whole at every size', () => {
  const tree = new CompactTree();
  const leaves = made(130);
  for (const [i, leaf] of leaves.entries()) {
    tree.add(leaf);
    assert.ok(tree.root().equals(rootOf(leaves.slice(0, i + 1))));
  }
});
