import { createCipheriv, randomBytes } from 'node:crypto';
import { MOST_KEPT, quarantineKey } from '../keys/quarantine.ts';
import type { RejectReason } from '../normalize/normalize.ts';
import type { Removed, Scanner } from '../normalize/secrets.ts';

/** Where a rejected line stood, in the clear; what it held is sealed. */
export interface Reject {
  readonly reason: RejectReason;
  readonly source: string;
  /** 1 for the first line of the source, or of this run for a pipe. */
  readonly line: number;
  readonly offset: number;
  readonly length: number;
}

/** A secret that begins before the end of what is kept is seen whole. */
const BEHIND = 4 << 10;

/** A line of quarantine, and which secrets were taken out of it. */
export interface SealedReject {
  readonly text: string;
  readonly removed: Readonly<Removed>;
}

export type SealReject = (reject: Reject, raw: Buffer) => SealedReject;

/**
 * A line of quarantine (SPEC 7): the members of Reject, `removed` if secrets were taken out, and `sealed`: base64 of
 * nonce ‖ AES-256-GCM of at most 64 KiB of the line ‖ tag, under a key derived from the record key, with the clear
 * members as associated data.
 */
export function rejectSealer(recordKey: Uint8Array, scanner: Scanner): SealReject {
  const key = quarantineKey(recordKey);
  return ({ reason, source, line, offset, length }, raw) => {
    // One character a byte: what is no UTF-8 stays as it is.
    const { text, removed } = scanner.scrub(raw.toString('latin1', 0, MOST_KEPT + BEHIND));
    const any = Object.keys(removed).length > 0;
    const clear = JSON.stringify({ reason, source, line, offset, length, ...(any && { removed }) });
    const nonce = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(clear, 'utf8'));
    const sealed = Buffer.concat([
      nonce,
      cipher.update(Buffer.from(text.slice(0, MOST_KEPT), 'latin1')),
      cipher.final(),
      cipher.getAuthTag(),
    ]);
    return { text: `${clear.slice(0, -1)},"sealed":"${sealed.toString('base64')}"}`, removed };
  };
}
