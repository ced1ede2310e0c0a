import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js';
import { sha256 } from './hash.ts';

/** A key of 32 bytes for one purpose from the record key: HKDF-SHA-256 (RFC 5869), no salt, `label` as info. */
export function deriveKey(recordKey: Uint8Array, label: string): Uint8Array {
  return hkdf(nobleSha256, recordKey, undefined, Buffer.from(label, 'utf8'), 32);
}

/** Names a record key without telling it: first 8 hex digits of SHA-256("slmaudit/record-key/v1\0" ‖ key). */
export function recordKeyId(recordKey: Uint8Array): string {
  return sha256(Buffer.from('slmaudit/record-key/v1\0'), recordKey).toString('hex', 0, 4);
}
