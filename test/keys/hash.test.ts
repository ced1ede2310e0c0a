import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { createMac, hmacSha256 } from '../../src/keys/hash.ts';

test('RFC 4231: HMAC-SHA-256, test cases 1, 2 and 6', () => {
  const cases: [Buffer, Buffer, string][] = [
    [
      Buffer.alloc(20, 0x0b),
      Buffer.from('Hi There'),
      'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7',
    ],
    [
      Buffer.from('Jefe'),
      Buffer.from('what do ya want for nothing?'),
      '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
    ],
    [
      Buffer.alloc(131, 0xaa),
      Buffer.from('Test Using Larger Than Block-Size Key - Hash Key First'),
      '60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54',
    ],
  ];
  for (const [key, message, mac] of cases) assert.equal(hmacSha256(key, message).toString('hex'), mac);
});

test('the kept state of a mac changes nothing, whatever came before and however long the parts are', () => {
  const key = Buffer.alloc(32, 7);
  const mac = createMac(key);
  const part = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.integer({ min: 65_000, max: 70_000 }).map(n => new Uint8Array(n)),
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 4 }), parts => {
      const expected = createHmac('sha256', key);
      for (const p of parts) expected.update(p);
      assert.equal(mac(...parts), expected.digest('hex'));
    }),
  );
});
