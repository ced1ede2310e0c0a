import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Family } from '../../src/anomaly/finding.ts';
import { together } from '../../src/anomaly/merged.ts';

const knocks = (client_ip: string): Parameters<typeof together>[0][number] => ({
  family: 'door' satisfies Family,
  entity: { client_ip },
  from: 0,
  to: 1,
  seen: 9,
  expected: 1,
  unit: 'refusals',
  p: 1e-9,
  by: '',
  also: [],
  where: '',
  flags: '',
  tests: 1,
  owners: {},
});

for (const [one, other, groups] of [
  ['192.0.2.7', '192.0.2.200', 1],
  ['192.0.2.7', '192.0.3.7', 2],
  ['2001:db8::1', '2001:db8::2:0:0:3', 1],
  ['2001:db8::1', '2001:db8:0:1::1', 2],
  ['hmac:ab', 'hmac:cd', 2],
] as const)
  test(`knocks from ${one} and ${other} are ${groups === 1 ? 'one finding' : 'two findings'}`, () =>
    assert.equal(together([knocks(one), knocks(other)]).length, groups));
