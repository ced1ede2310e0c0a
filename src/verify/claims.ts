import { verify } from '../keys/ed25519.ts';

/** That a message was signed so, by whoever has a key. */
export interface Claim {
  readonly publicKey: Uint8Array;
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
}

/**
 * Claims as bytes, which go to another thread without being copied one by one:
 *
 *     u32 length, key, u32 length, signature, u32 length, message
 */
export function packed(claims: readonly Claim[]): Uint8Array<ArrayBuffer> {
  const parts = claims.flatMap(c => [c.publicKey, c.signature, c.message]);
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + 4 + part.length, 0));
  const lengths = new DataView(bytes.buffer);
  let at = 0;
  for (const part of parts) {
    lengths.setUint32(at, part.length);
    bytes.set(part, at + 4);
    at += 4 + part.length;
  }
  return bytes;
}

/** Places of those that aren't true. */
export function falseOf(claims: Uint8Array): number[] {
  const lengths = new DataView(claims.buffer, claims.byteOffset, claims.length);
  const found: number[] = [];
  let at = 0;
  const next = (): Uint8Array => {
    const end = at + 4 + lengths.getUint32(at);
    const part = claims.subarray(at + 4, end);
    at = end;
    return part;
  };
  for (let place = 0; at < claims.length; place++) {
    const [publicKey, signature, message] = [next(), next(), next()];
    if (!verify(publicKey, message, signature)) found.push(place);
  }
  return found;
}
