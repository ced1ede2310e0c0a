import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { test } from 'node:test';
import { Digests } from '../../src/query/digests.ts';

const sortedHash = (texts: readonly string[]): string => {
  const digests = new Digests();
  for (const text of texts) digests.add(text);
  return digests.sortedHash();
};

test('digests of rows are hashed in ascending order, equal ones as often as they are', () => {
  for (const count of [0, 1, 1024, 1025, 5000]) {
    const texts = Array.from({ length: count }, (_, i) => `row ${i % 1500}`);
    const each = texts.map(t => hash('sha256', t)).sort();
    assert.equal(sortedHash(texts), hash('sha256', each.join('')), String(count));
    assert.equal(sortedHash(texts.toReversed()), sortedHash(texts));
  }
});

test('digests that agree in their first 44 bits are ordered by the rest', () => {
  // Found among 2^23 texts.
  const pair = ['pair 7543968', 'pair 6868163'];
  const [a, b] = pair.map(text => hash('sha256', text)) as [string, string];
  assert.equal(a.slice(0, 11), b.slice(0, 11));
  const each = [a, b].sort().join('');
  assert.equal(sortedHash(pair), hash('sha256', each));
  assert.equal(sortedHash(pair.toReversed()), hash('sha256', each));
});
