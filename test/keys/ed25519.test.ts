import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as noble from '@noble/ed25519';
import fc from 'fast-check';
import { publicKeyOf, sign, verify } from '../../src/keys/ed25519.ts';

const hex = (text: string): Buffer => Buffer.from(text, 'hex');

/** A second opinion: RFC 8032's strict rules, not ZIP 215's. */
function verifyPortable(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  try {
    return noble.verify(signature, message, publicKey, { zip215: false });
  } catch {
    return false;
  }
}

// RFC 8032 section 7.1, tests 1 and 2.
const VECTORS = [
  {
    seed: '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    key: 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    message: '',
    signature:
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  },
  {
    seed: '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
    key: '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    message: '72',
    signature:
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  },
];

for (const v of VECTORS) {
  test(`RFC 8032: key, signature and both verifiers agree for the message "${v.message}"`, () => {
    const [seed, message] = [hex(v.seed), hex(v.message)];
    assert.deepEqual(Buffer.from(publicKeyOf(seed)), hex(v.key));
    assert.deepEqual(Buffer.from(sign(seed, message)), hex(v.signature));
    assert.ok(verify(hex(v.key), message, hex(v.signature)));
    assert.ok(verifyPortable(hex(v.key), message, hex(v.signature)));
  });
}

test('a flipped bit anywhere in key, message or signature is refused by both', () => {
  const seed = hex(VECTORS[0]!.seed);
  const key = Buffer.from(publicKeyOf(seed));
  const message = Buffer.from('forty records, one root');
  const signature = Buffer.from(sign(seed, message));
  fc.assert(
    fc.property(fc.constantFrom(key, message, signature), fc.nat(), (part, n) => {
      const bit = n % (part.length * 8);
      const flip = (): void => void (part[bit >> 3]! ^= 1 << (bit & 7));
      flip();
      const accepted = [verify(key, message, signature), verifyPortable(key, message, signature)];
      flip();
      return !accepted[0] && !accepted[1];
    }),
    { numRuns: 60 },
  );
});

test('keys and signatures of the wrong length are refused, not thrown', () => {
  assert.equal(verify(Buffer.alloc(31), Buffer.alloc(0), Buffer.alloc(64)), false);
  assert.equal(verify(Buffer.alloc(32), Buffer.alloc(0), Buffer.alloc(63)), false);
});
