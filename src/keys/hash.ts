import { createHash, hash } from 'node:crypto';

/**
 * SHA-256 as 32 characters, a byte each. Node makes a buffer of its own for each binary digest, which takes longer than hashing a
 * short message: 0.7 µs for 65 bytes against 0.23.
 */
export const digestText = (message: Uint8Array): string => hash('sha256', message, 'binary');

/** SHA-256 of the parts one after the other. node:crypto: 1,600 MB/s against 140 MB/s for @noble/hashes. */
export function sha256(...parts: Uint8Array[]): Buffer {
  if (parts.length === 1) return Buffer.from(digestText(parts[0]!), 'latin1');
  const running = createHash('sha256');
  for (const part of parts) running.update(part);
  return running.digest();
}

/** HMAC-SHA-256 (RFC 2104) of the parts one after the other. */
export function hmacSha256(key: Uint8Array, ...parts: Uint8Array[]): Buffer {
  return Buffer.from(createMac(key)(...parts), 'hex');
}

/** Lower-case hex of the HMAC-SHA-256 of the parts one after the other. */
export type Mac = (...parts: readonly Uint8Array[]) => string;

const BLOCK = 64;
const SCRATCH = 64 << 10;

/**
 * HMAC-SHA-256 under one key for many short messages: two one-shot hashes over a buffer that is kept, 1.7 µs
 * against 4.9 µs for createHmac, which sets up OpenSSL anew each time.
 */
export function createMac(key: Uint8Array): Mac {
  const padded = Buffer.alloc(BLOCK);
  padded.set(key.length > BLOCK ? sha256(key) : key);
  const inner = Buffer.alloc(BLOCK + SCRATCH);
  const outer = Buffer.alloc(BLOCK + 32);
  for (const [i, byte] of padded.entries()) {
    inner[i] = byte ^ 0x36;
    outer[i] = byte ^ 0x5c;
  }
  return (...parts) => {
    let end = BLOCK;
    for (const part of parts) end += part.length;
    outer.write(
      end > inner.length ? long(inner.subarray(0, BLOCK), parts) : short(inner, parts, end),
      BLOCK,
      'latin1',
    );
    return hash('sha256', outer, 'hex');
  };
}

function short(inner: Buffer, parts: readonly Uint8Array[], end: number): string {
  let at = BLOCK;
  for (const part of parts) {
    inner.set(part, at);
    at += part.length;
  }
  return digestText(inner.subarray(0, end));
}

function long(start: Buffer, parts: readonly Uint8Array[]): string {
  return sha256(start, ...parts).toString('latin1');
}
