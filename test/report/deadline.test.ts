import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { inTime } from '../../src/report/deadline.ts';
import { usagePage } from '../../src/report/usage/page.ts';

test('a page whose questions together take too long is given up, however short each is', async () => {
  let asked = 0;
  const slow = {
    all: async () => {
      asked++;
      await sleep(30);
      return [];
    },
    keep: () => Promise.resolve(),
  };
  await assert.rejects(usagePage(inTime(slow, 50), { zone: 'UTC' }), { code: 'QUERY_TIMEOUT' });
  assert.equal(asked, 2);
});
