import assert from 'node:assert/strict';
import { test } from 'node:test';
import { detections, nabResults, runningRange, scoresOf } from '../../fixtures/eval/nab.ts';
import {
  type Labelled,
  normalized,
  PROFILE_NAMES,
  PROFILES,
  rawScore,
} from '../../fixtures/eval/nab-score.ts';

const SERIES: Labelled = {
  length: 1000,
  windows: [
    [400, 499],
    [700, 799],
  ],
};
const scoreOf = (detected: readonly number[], profile: (typeof PROFILE_NAMES)[number] = 'standard'): number =>
  normalized(rawScore(SERIES, detected, PROFILES[profile]), [SERIES], PROFILES[profile]);

test('a detector that tells each window at its first value and nothing else has 100, one that never tells has 0', () => {
  for (const profile of PROFILE_NAMES) {
    assert.equal(scoreOf([400, 700], profile), 100);
    assert.equal(scoreOf([], profile), 0);
  }
});

test('the earlier in its window the better, only the first counts, and the last value is worth a little', () => {
  const [early, middle, late] = [scoreOf([410, 700]), scoreOf([450, 700]), scoreOf([499, 700])];
  assert.ok(100 > early && early > middle && middle > late && late > scoreOf([700]));
  assert.equal(scoreOf([410, 420, 480, 700]), early);
});

test('what is outside costs more the further behind the last window, and twice as much where few false ones are wanted', () => {
  const near = 100 - scoreOf([400, 502, 700]);
  const far = 100 - scoreOf([400, 650, 700]);
  assert.ok(near > 0 && far > near);
  const twice = 100 - scoreOf([400, 650, 700], 'few false');
  assert.ok(Math.abs(twice - 2 * far) < 1e-9);
});

test('one missed of two costs half, and more where few missed ones are wanted', () => {
  assert.equal(scoreOf([400]), 50);
  assert.ok(scoreOf([400], 'few missed') < 51);
});

test('in the first 15% nothing counts', () => {
  assert.equal(scoreOf([5, 149, 400, 700]), 100);
  assert.ok(scoreOf([151, 400, 700]) < 100);
});

test('detections close to each other are one', () => {
  assert.deepEqual(detections([0, 9, 9, 0, 0, 9, 0, 0, 0, 0, 9], 5, 3), [1, 10]);
});

test('a threshold chosen with the labels is no worse than one chosen without them', () => {
  const series = [0, 1, 2].map(n => {
    const values = Array.from(
      { length: 1000 },
      (_, i) => ((i * 7) % 18) / 18 + (i >= 410 && i < 420 ? 3 + n : 0),
    );
    return { name: String(n), values, times: values.map((_, i) => i), ...SERIES };
  });
  for (const { inSample, heldOut } of nabResults(series, scoresOf(series, runningRange))) {
    assert.ok(inSample > 40 && inSample <= 51, `${inSample}`);
    assert.ok(heldOut <= inSample);
  }
});
