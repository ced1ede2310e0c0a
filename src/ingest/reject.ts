import { createCipheriv, randomBytes } from 'node:crypto';
import { deriveKey } from '../keys/derive.ts';
import type { RejectReason } from '../normalize/normalize.ts';

/** Where a rejected line stood, in the clear; what it held is sealed. */
export interface Reject {
  readonly reason: RejectReason;
  readonly source: string;
  /** 1 for the first line of the source, or of this run for a pipe. */
  readonly line: number;
  readonly offset: number;
  readonly length: number;
}

const KEPT = 64 << 10;

export type SealReject = (reject: Reject, raw: Buffer) => string;

/**
 * A line of quarantine (SPEC 7): the members of Reject, and `sealed`: base64 of nonce ‖ AES-256-GCM of at most
 * 64 KiB of the line ‖ tag, under a key derived from the record key, with the clear members as associated data.
 */
export function rejectSealer(recordKey: Uint8Array): SealReject {
  const key = deriveKey(recordKey, 'slmaudit/quarantine/v1');
  return ({ reason, source, line, offset, length }, raw) => {
    const clear = JSON.stringify({ reason, source, line, offset, length });
    const nonce = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(clear, 'utf8'));
    const sealed = Buffer.concat([
      nonce,
      cipher.update(raw.subarray(0, KEPT)),
      cipher.final(),
      cipher.getAuthTag(),
    ]);
    return `${clear.slice(0, -1)},"sealed":"${sealed.toString('base64')}"}`;
  };
}
