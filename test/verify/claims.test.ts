import assert from 'node:assert/strict';
import { test } from 'node:test';
import { publicKeyOf, sign } from '../../src/keys/ed25519.ts';
import type { Claim } from '../../src/verify/claims.ts';
import { Lookers } from '../../src/verify/lookers.ts';

function claim(n: number): Claim {
  const seed = Buffer.alloc(32, n);
  const message = Buffer.alloc(n * 40, 'm');
  return { publicKey: publicKeyOf(seed), message, signature: sign(seed, message) };
}

test('threads tell the false signatures that one tells', async () => {
  const good = Array.from({ length: 12 }, (_, n) => claim(n));
  const flipped = (bytes: Uint8Array, at: number): Uint8Array =>
    bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));
  const claims = good.map((c, n): Claim => {
    if (n === 3) return { ...c, signature: flipped(c.signature, 40) };
    if (n === 5) return { ...c, message: flipped(c.message, 0) };
    if (n === 6) return { ...c, publicKey: good[7]!.publicKey };
    // What is no key or no signature at all.
    if (n === 8) return { ...c, signature: c.signature.subarray(1) };
    if (n === 9) return { ...c, publicKey: new Uint8Array(0) };
    return c;
  });
  for (const jobs of [1, 2]) {
    const lookers = new Lookers(jobs);
    try {
      const [bad, none, all] = await Promise.all([
        lookers.falseOf(claims),
        lookers.falseOf([]),
        lookers.falseOf(good),
      ]);
      assert.deepEqual([bad, none, all], [[3, 5, 6, 8, 9], [], []], `${jobs}`);
    } finally {
      await lookers.close();
    }
  }
});
