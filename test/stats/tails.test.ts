import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { logGamma, lowerBeta, lowerGamma, upperGamma } from '../../src/stats/gamma.ts';
import { amountTails, countTails, robustTails, shareTails } from '../../src/stats/tails.ts';

function near(seen: number, expected: number, relative = 1e-9): void {
  assert.ok(
    Math.abs(seen - expected) <= relative * Math.abs(expected),
    `${seen} is not within ${relative} of ${expected}`,
  );
}

test('gamma and beta functions have the values of the tables (Abramowitz and Stegun 6, 26)', () => {
  near(logGamma(0.5), Math.log(Math.PI) / 2);
  near(logGamma(171), 706.5730622457874);
  near(upperGamma(1, 20), Math.exp(-20));
  near(upperGamma(3, 2), Math.exp(-2) * (1 + 2 + 2));
  near(lowerGamma(5, 0.01), Math.exp(-0.01) * 1e-10 * (1 / 120 + 0.01 / 720 + 1e-4 / 5040), 1e-7);
  near(lowerBeta(0.5, 2, 3), 0.6875);
  near(lowerBeta(1e-3, 4, 1), 1e-12);
});

test('a count without dispersion has the tails of Poisson, half of what was seen in each', () => {
  const poisson = (k: number, mean: number): number => Math.exp(k * Math.log(mean) - mean - logGamma(k + 1));
  let exact = poisson(7, 3) / 2;
  for (let k = 8; k < 60; k++) exact += poisson(k, 3);
  near(countTails(7, 3, 1).upper, exact);
  near(countTails(0, 3, 1).lower, Math.exp(-3) / 2);
});

test('a count of bursts has the tails of the negative binomial, summed one by one', () => {
  const [mean, dispersion] = [12, 4];
  const size = mean / (dispersion - 1);
  const at = (k: number): number =>
    Math.exp(
      logGamma(k + size) - logGamma(size) - logGamma(k + 1) + size * Math.log(1 / 4) + k * Math.log(3 / 4),
    );
  let exact = at(40) / 2;
  for (let k = 41; k < 600; k++) exact += at(k);
  near(countTails(40, mean, dispersion).upper, exact);
  // No event where 600 are usual in bursts of about 20: (1/20)^(600/19), halved.
  near(countTails(0, 600, 20).lower, Math.exp((600 / 19) * Math.log(1 / 20)) / 2);
});

test('a share has the tails of the beta-binomial, and of the binomial without spread', () => {
  // 9 or 10 heads of 10: 11/1024; 8 exactly: 45/1024, half of it.
  near(shareTails(8, 10, 0.5, 0).upper, (11 + 22.5) / 1024);
  // a = b = 1 is even over 0..n.
  near(shareTails(9, 9, 0.5, 1 / 3).upper, 0.05);
  assert.ok(shareTails(300, 800, 0.02, 0.01).upper > 0, 'far out, not 0');
});

test("amounts have gamma's tail, standardized values Student's", () => {
  near(amountTails(50, 10, 100).upper, Math.exp(-5));
  near(robustTails(2.228138852, 10).upper, 0.025, 1e-7);
  near(robustTails(-6.869, 5).lower, 0.0005, 1e-3);
});

test('tails lie between 0 and 1, add up to 1, and fall where more is seen', () => {
  const mean = fc.double({ min: 0.01, max: 5000, noNaN: true });
  const dispersion = fc.double({ min: 1, max: 80, noNaN: true });
  fc.assert(
    fc.property(fc.nat(4000), mean, dispersion, (n, m, d) => {
      const { upper, lower } = countTails(n, m, d);
      assert.ok(upper >= 0 && upper <= 1 && lower >= 0 && lower <= 1);
      assert.ok(Math.abs(upper + lower - 1) < 1e-7, `${upper} + ${lower}`);
      assert.ok(countTails(n + 1, m, d).upper <= upper + 1e-12);
    }),
    { numRuns: 300 },
  );
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 300 }), fc.double({ min: 0, max: 1, noNaN: true }), (n, p) => {
      const k = Math.floor(p * n);
      const { upper, lower } = shareTails(k, n, p, 0.05);
      assert.ok(Math.abs(upper + lower - 1) < 1e-7);
      assert.ok(shareTails(Math.min(n, k + 1), n, p, 0.05).upper <= upper + 1e-12);
    }),
    { numRuns: 200 },
  );
});
