import type { BigIntStats } from 'node:fs';

/** A remembered digest counts for so long. */
export const DIGEST_LIFE_MS = 86_400_000;
/** One is remembered only if the file had not been changed for so long: a change within a tick of the clock leaves no trace. */
export const SETTLED_MS = 2000;

/** What stays the same while nobody writes a file or puts another one in its place. */
export function fileIdentity(s: BigIntStats): string {
  return [s.dev, s.ino, s.size, s.mtimeNs, s.ctimeNs].join(' ');
}
