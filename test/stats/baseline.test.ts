import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { bandOf, tailsOf, usualOf } from '../../src/stats/baseline.ts';
import { scorePoints } from '../../fixtures/eval/points.ts';

const MONDAY = Date.UTC(2026, 4, 4) / 3_600_000;
let state = 7;
const unit = (): number => (state = (state * 48271) % 2147483647) / 2147483647;
/** A count of bursts, busy by day and on weekdays. */
const rhythm = (i: number): number => (i % 24 > 7 && i % 24 < 19 ? 100 : 10) * (i % 168 < 120 ? 1 : 0.4);
function bursts(mean: number): number {
  let sum = 0;
  for (let left = mean; left > 0; left -= 4)
    if (unit() < Math.min(1, left / 4)) sum += Math.floor(unit() * 8.999);
  return sum;
}
const weeks = Array.from({ length: 8 * 168 }, (_, i) => bursts(rhythm(i)));

test('what is usual follows the hour of the week once there are three, and of the day before that', () => {
  const usual = usualOf(weeks, MONDAY);
  assert.equal(usual[50], undefined);
  assert.equal(usual[7 * 24 + 12]!.by, 'hour of day');
  const late = usual.slice(5 * 168);
  assert.ok(late.every(u => u!.by === 'hour of week'));
  const at = (i: number): number => usual[7 * 168 + i]!.mean;
  assert.ok(at(12) > 70 && at(12) < 130 && at(3) < 16, `${at(12)} ${at(3)}`);
  assert.ok(at(5 * 24 + 12) > 25 && at(5 * 24 + 12) < 60, 'Saturdays are quiet');
});

test('of ordinary hours about as many lie outside of a band as it says, and a spike and a fall lie far outside', () => {
  const usual = usualOf(weeks, MONDAY);
  const outside = weeks.filter((v, i) => {
    if (i < 4 * 168) return false;
    const { low, high } = bandOf(usual[i]!);
    return v < low || v > high;
  });
  assert.ok(outside.length < 0.03 * 4 * 168, `${outside.length} of ${4 * 168}`);
  const noon = usual[7 * 168 + 12]!;
  assert.ok(tailsOf(500, noon).upper < 1e-9 && tailsOf(0, noon).lower < 1e-6);
});

test('an outbreak weighs little in what is usual behind it, and hours that are not known weigh nothing', () => {
  const spiked = weeks.with(6 * 168 + 12, 5000);
  const [plain, after] = [usualOf(weeks, MONDAY), usualOf(spiked, MONDAY)];
  const i = 7 * 168 + 12;
  assert.ok(after[i]!.mean < plain[i]!.mean * 1.6, `${after[i]!.mean} ${plain[i]!.mean}`);
  const holes = weeks.map((v, k) => (k >= 5 * 168 && k < 6 * 168 ? null : v));
  assert.ok(Math.abs(usualOf(holes, MONDAY)[i]!.mean / plain[i]!.mean - 1) < 0.25);
});

test('nothing is known of what comes: a series that is cut has the same begin', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 900 }), cut => {
      assert.deepEqual(usualOf(weeks.slice(0, cut), MONDAY), usualOf(weeks, MONDAY).slice(0, cut));
      const values = weeks.slice(0, 900);
      assert.deepEqual(scorePoints(values.slice(0, cut)), scorePoints(values).slice(0, cut));
    }),
    { numRuns: 8 },
  );
});

test('a score is highest where a plain series leaves its range or shifts, is quiet behind that, and is 0 where nothing changes', () => {
  const flat = Array.from({ length: 600 }, () => 50 + unit());
  assert.ok(scorePoints(flat.with(400, 90)).indexOf(Math.max(...scorePoints(flat.with(400, 90)))) === 400);
  const shifted = flat.map((v, i) => (i < 400 ? v : v + 5));
  const scores = scorePoints(shifted);
  const first = scores.findIndex((score, i) => i > 200 && score > 0.8);
  assert.ok(first >= 400 && first < 410, String(first));
  assert.ok(scores.slice(400, 500).filter(s => s > 0.6).length < 12);
  assert.deepEqual(new Set(scorePoints(Array.from({ length: 300 }, () => 7))), new Set([0]));
  assert.ok(scores.every(s => s >= 0 && s <= 1));
});
