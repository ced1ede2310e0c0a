import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { cutoff, harmonic } from '../../src/stats/discovery.ts';
import { onsetOf } from '../../src/stats/onset.ts';
import { medianOf, placeAndScale, quantileOf, tamed } from '../../src/stats/robust.ts';
import { activeShare, hourOfDay, hourOfWeek, isWeekend } from '../../src/stats/week.ts';

/** Of the example of Benjamini and Hochberg (1995): 15 tests of a heart drug. */
const HEART = [
  0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.324, 0.4262, 0.5719, 0.6528,
  0.759, 1,
];

test('of the published example, three values count at 5% (four under independence)', () => {
  assert.equal(cutoff(HEART, 15, 0.05), 0.0019);
  assert.equal(cutoff(HEART, 15, 0.05 * harmonic(15)), 0.0095);
});

test('large values may be left out if they are counted; nothing counts among even values of many tests', () => {
  assert.equal(cutoff(HEART.slice(0, 6), 15, 0.05), 0.0019);
  assert.equal(cutoff([0.01, 0.02, 0.03], 100, 0.05), 0);
  assert.equal(cutoff([], 0, 0.05), 0);
});

test('of tests of nothing, a share of no more than the level says something in any run', () => {
  let runs = 0;
  let state = 1;
  const unit = (): number => (state = (state * 48271) % 2147483647) / 2147483647;
  for (let run = 0; run < 400; run++)
    if (
      cutoff(
        Array.from({ length: 200 }, () => unit()),
        200,
        0.2,
      ) > 0
    )
      runs++;
  assert.ok(runs <= 0.2 * 400, `${runs} of 400`);
});

test('one more small value never makes fewer count, and H is the sum', () => {
  const value = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(
    fc.property(fc.array(value, { maxLength: 60 }), value, (values, more) => {
      assert.ok(cutoff([...values, more], 100, 0.1) >= cutoff(values, 100, 0.1));
    }),
  );
  let sum = 0;
  for (let k = 1; k <= 5000; k++) sum += 1 / k;
  assert.ok(Math.abs(harmonic(5000) - sum) < 1e-9);
});

test('an onset is where the run of higher values begins', () => {
  assert.equal(onsetOf([3, 5, 4, 6, 5, 20, 22, 18], 5, 20), 5);
  assert.equal(onsetOf([30, 30, 30], 5, 30), 0);
  assert.equal(onsetOf([9, 9, 9, 1, 1], 9, 1), 3);
  assert.equal(onsetOf([5, 5, 5], 5, 30), 2);
});

test('half of the values may be wild without moving place and scale', () => {
  assert.deepEqual(placeAndScale([9, 10, 11, 10, 1e9]), { place: 10, scale: 1.482602218505602 });
  assert.equal(medianOf([4, 1, 3, 2]), 2.5);
  assert.equal(quantileOf([1, 2, 3, 4, 5], 0.9), 4.6);
  assert.equal(tamed(100, 10, 10), 35.8);
  assert.equal(tamed(12, 10, 10), 12);
});

test('hours of a week begin on Monday, and smoothed shares are never none', () => {
  const monday = Date.UTC(2026, 4, 4) / 3_600_000;
  assert.deepEqual([hourOfWeek(monday), hourOfDay(monday + 5), hourOfWeek(monday - 1)], [0, 5, 167]);
  assert.deepEqual([isWeekend(monday - 1), isWeekend(monday)], [true, false]);
  assert.equal(activeShare(0, 0, 0.3, 2), 0.3);
  assert.ok(activeShare(0, 50, 0.05, 1) > 0 && activeShare(50, 50, 0.05, 1) < 1);
});
