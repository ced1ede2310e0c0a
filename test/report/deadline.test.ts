import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inTime } from '../../src/report/deadline.ts';
import { usagePage } from '../../src/report/usage/page.ts';

test('a page whose questions together take too long is given up, however short each is', async () => {
  let [asked, clock] = [0, 0];
  const slow = {
    all: () => {
      asked++;
      clock += 30;
      return Promise.resolve([]);
    },
    keep: () => Promise.resolve(),
  };
  const page = usagePage(
    inTime(slow, 50, () => clock),
    { zone: 'UTC' },
  );
  await assert.rejects(page, { code: 'QUERY_TIMEOUT' });
  assert.equal(asked, 2);
});
