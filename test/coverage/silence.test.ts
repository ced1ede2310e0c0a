import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { aliveIn, holesIn, limitOf, lowerBound, parted, type Stretch } from '../../src/coverage/silence.ts';

const at = (from: number, to = from, stated = false): Stretch => ({ from, to, stated });

test('holes are what no stretch covers, at the ends of what was asked for too', () => {
  assert.deepEqual(holesIn([at(30, 40), at(10, 20), at(15, 18)], { since: 0, until: 50 }), [
    { from: 0, to: 10, stated: false },
    { from: 20, to: 30, stated: false },
    { from: 40, to: 50, stated: false },
  ]);
  assert.deepEqual(holesIn([at(0, 100), at(10, 20)], { until: 100 }), []);
  assert.deepEqual(holesIn([], { since: 1, until: 9 }), [{ from: 1, to: 9, stated: false }]);
});

test('a hole beside what only a manifest states says so', () => {
  assert.deepEqual(holesIn([at(0, 10), at(20, 30, true), at(40)], {}), [
    { from: 10, to: 20, stated: true },
    { from: 30, to: 40, stated: true },
  ]);
});

test('stretches that gaps part have these gaps as holes again', () => {
  const growing = fc.uniqueArray(fc.nat(10_000), { minLength: 2, maxLength: 40 });
  fc.assert(
    fc.property(growing, numbers => {
      const sorted = numbers.toSorted((a, b) => a - b);
      const gaps = sorted.slice(1).flatMap((to, i) => (i % 2 === 0 ? [{ from: sorted[i]!, to }] : []));
      const parts = parted(sorted[0]! - 1, sorted.at(-1)! + 1, gaps);
      assert.deepEqual(
        holesIn(parts, {}).map(({ from, to }) => ({ from, to })),
        gaps,
      );
    }),
  );
});

test('what is usual for a source is no silence once a week has shown it', () => {
  const nights = Array.from({ length: 10 }, (_, day) => ({
    from: day * 100,
    to: day * 100 + 40,
    stated: false,
  }));
  const days = new Set(nights.map(n => String(Math.floor(n.to / 100))));
  const dayOf = (t: number): string => String(Math.floor(t / 100));
  assert.equal(limitOf(nights, days, dayOf, 10), 80);
  assert.equal(limitOf(nights, new Set([...days].slice(0, 6)), dayOf, 10), 10);
  // One long rest in ten days changes nothing of what is usual.
  assert.equal(limitOf([...nights, { from: 940, to: 999, stated: false }], days, dayOf, 10), 80);
});

test('the log was alive where it never paused for longer than usual', () => {
  const times = [0, 10, 20, 30, 80, 90];
  assert.equal(aliveIn(times, { from: 1, to: 29 }, 10), 'yes');
  assert.equal(aliveIn(times, { from: 25, to: 85 }, 10), 'partly');
  assert.equal(aliveIn(times, { from: 31, to: 79 }, 10), 'no');
});

test('lowerBound counts what lies before', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(50)), fc.nat(50), (numbers, n) => {
      const sorted = numbers.toSorted((a, b) => a - b);
      assert.equal(lowerBound(sorted, n), sorted.filter(m => m < n).length);
    }),
  );
});
