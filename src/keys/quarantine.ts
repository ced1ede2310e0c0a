import { deriveKey } from './derive.ts';

/** Bytes of a rejected line that quarantine keeps; what is longer is never held whole. */
export const MOST_KEPT: number = 64 << 10;

/** What rejected lines are encrypted with (SPEC 7). */
export const quarantineKey = (recordKey: Uint8Array): Uint8Array =>
  deriveKey(recordKey, 'slmaudit/quarantine/v1');
