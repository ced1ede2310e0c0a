import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Count, farrington } from '../../fixtures/eval/farrington.ts';

/** Counts of 21 earlier steps around a level, every third a bit more, every third a bit less. */
const past = (level: number, rest: (i: number) => number = () => 0): Count[] =>
  Array.from({ length: 21 }, (_, i) => ({ y: level + ((i % 3) - 1) * 4 + rest(i), t: i, of: 1 }));
const off = (y: number, before: readonly Count[]): number => farrington(before, { y, t: 21, of: 1 })!;

test('what is usual is not far off, and more is further', () => {
  assert.ok(Math.abs(off(40, past(40))) < 0.3);
  assert.ok(off(60, past(40)) > 2.5);
  assert.ok(off(120, past(40)) > off(60, past(40)));
  assert.ok(off(15, past(40)) < -3);
});

test('an outbreak in the past hardly hides the next', () => {
  const outbreak = past(40, i => (i === 9 ? 200 : 0));
  assert.ok(off(120, outbreak) > 3, `${off(120, outbreak)}`);
});

test('what grows is expected to have grown', () => {
  const growing = past(40, i => 3 * i);
  assert.ok(Math.abs(off(100, growing)) < 2, `${off(100, growing)}`);
  assert.ok(off(100, past(40)) > 5);
});

test('a share is judged by how many it is a part of', () => {
  const shares = past(40).map(c => ({ ...c, of: 1000 }));
  assert.ok(Math.abs(farrington(shares, { y: 4, t: 21, of: 100 })!) < 0.5);
  assert.ok(farrington(shares, { y: 40, t: 21, of: 100 })! > 5);
});

test('of too little nothing is said', () => {
  assert.equal(farrington(past(40).slice(0, 5), { y: 99, t: 21, of: 1 }), undefined);
  assert.equal(
    farrington(
      past(40).map(c => ({ ...c, y: 0 })),
      { y: 99, t: 21, of: 1 },
    ),
    undefined,
  );
});
