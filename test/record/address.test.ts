import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { withEngine } from '../../src/duck/engine.ts';
import { CREATE_IP_KEY } from '../../src/duck/view.ts';
import { addressKey, canonicalAddress, networkKeys } from '../../src/record/address.ts';

/** Addresses as numbers: what the texts must agree with. */
const v4 = fc.nat({ max: 2 ** 32 - 1 });
const groups = fc.array(fc.oneof(fc.constant(0), fc.nat({ max: 0xffff })), { minLength: 8, maxLength: 8 });
const v4Text = (n: number): string => [24, 16, 8, 0].map(shift => (n >>> shift) & 255).join('.');
const v6Text = (g: readonly number[]): string => canonicalAddress(g.map(x => x.toString(16)).join(':'))!;
const addresses = fc.oneof(v4.map(v4Text), groups.map(v6Text));

/** Of an address, without the code under test: family and 128 bits. */
function numberOf(address: string): readonly [number, bigint] {
  if (!address.includes(':')) return [4, address.split('.').reduce((n, b) => n * 256n + BigInt(b), 0n)];
  const [left = '', right = ''] = address.split('::');
  const parts = (text: string): string[] => text.split(':').filter(Boolean);
  const zeros = Array.from({ length: 8 - parts(left).length - parts(right).length }, () => '0');
  return [
    6,
    [...parts(left), ...zeros, ...parts(right)].reduce((n, g) => n * 65_536n + BigInt(`0x${g}`), 0n),
  ];
}

test('keys of addresses sort as the addresses do, IPv4 before IPv6, and ip_key in SQL says the same', async () => {
  const pairs = fc.sample(fc.tuple(addresses, addresses), { numRuns: 1000, seed: 7 });
  for (const [a, b] of pairs) {
    const [[familyA, x], [familyB, y]] = [numberOf(a), numberOf(b)];
    const order = familyA - familyB || (x < y ? -1 : x > y ? 1 : 0);
    const [keyA, keyB] = [addressKey(a)!, addressKey(b)!];
    assert.equal(keyA < keyB ? -1 : keyA > keyB ? 1 : 0, Math.sign(order), `${a} ${b}`);
  }
  const all = [
    ...pairs.flat(),
    '::',
    '::1',
    '1::',
    '2001:db8::',
    '0.0.0.0',
    '255.255.255.255',
    '1:2:3:4:5:6:7:8',
  ];
  await withEngine({}, async db => {
    await db.run(CREATE_IP_KEY);
    const read = await db.runAndReadAll(
      `SELECT ip_key(a) FROM (SELECT unnest([${all.map(a => `'${a}'`).join(', ')}]) AS a)`,
    );
    assert.deepEqual(read.getRows().flat(), all.map(addressKey));
    const none = await db.runAndReadAll(
      `SELECT ip_key('hmac:77'), ip_key(NULL), ip_key('${'ab'.repeat(32)}')`,
    );
    assert.deepEqual(none.getRows()[0], [null, null, null]);
  });
});

test('an address is in a network if its first bits are those of the network', () => {
  fc.assert(
    fc.property(addresses, addresses, fc.nat({ max: 128 }), (address, network, length) => {
      const [family, x] = numberOf(address);
      const [of, y] = numberOf(network);
      const bits = of === 4 ? 32 : 128;
      const keys = networkKeys(`${network}/${length}`);
      if (length > bits) return assert.equal(keys, undefined);
      const free = BigInt(bits - length);
      const key = addressKey(address)!;
      assert.equal(keys![0] <= key && key <= keys![1], family === of && x >> free === y >> free);
      assert.ok(keys![0] <= addressKey(network)! && addressKey(network)! <= keys![1]);
    }),
  );
});

test('of all ways to write an address there is one', () => {
  const cases: readonly (readonly [string, string | undefined])[] = [
    ['192.0.2.7', '192.0.2.7'],
    ['192.0.2.7:8080', '192.0.2.7'],
    ['[2001:DB8::7]:443', '2001:db8::7'],
    ['2001:0db8:0000:0000:0000:0000:0000:0007', '2001:db8::7'],
    ['fe80::1%eth0', 'fe80::1'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['::ffff:c000:207', '192.0.2.7'],
    ['::', '::'],
    ['192.0.2.256', undefined],
    ['192.0.2', undefined],
    ['192.0.2.7.', undefined],
    ['1:2:3', undefined],
    ['::1::', undefined],
    ['localhost', undefined],
    ['', undefined],
  ];
  for (const [text, canonical] of cases) assert.equal(canonicalAddress(text), canonical, text);
  fc.assert(fc.property(addresses, a => assert.equal(canonicalAddress(a), a)));
  fc.assert(
    fc.property(fc.string(), text => {
      const canonical = canonicalAddress(text);
      assert.equal(addressKey(text), canonical === undefined ? undefined : addressKey(canonical));
    }),
  );
});
