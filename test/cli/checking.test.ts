import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checking } from '../../src/cli/checking.ts';

test('a verification says how far it is ten times a second, and how long the rest takes once it has a pace', () => {
  let now = 0;
  const said = checking(() => now);
  const at = (time: number, done: number, more: object = {}): string | undefined => {
    now = time;
    return said({ what: 'entry', done, of: 500_000, ...more });
  };
  assert.equal(at(100, 256), undefined, 'what is over at once says nothing');
  assert.equal(at(500, 5000), '5,000 of 500,000 entries checked');
  assert.equal(at(599, 6000), undefined);
  assert.equal(at(600, 6000), '6,000 of 500,000 entries checked');
  assert.equal(at(10_000, 100_000), '100,000 of 500,000 entries checked, about 40 s until their files');
  assert.equal(at(49_500, 499_000), '499,000 of 500,000 entries checked', 'less than a second');
  const files = { what: 'segment', of: 1000 };
  assert.equal(at(50_000, 1, { ...files, share: 0 }), '1 of 1,000 segments checked');
  const line = at(60_000, 999, { ...files, share: 0.1 });
  assert.equal(line, '999 of 1,000 segments checked, about 2 min left', 'the last one is large');
  assert.equal(at(70_000, 999, { ...files, share: 0.1 }), '999 of 1,000 segments checked, about 3 min left');
});
