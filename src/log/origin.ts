import { AuditError } from '../errors.ts';

const PART = /^[A-Za-z0-9][A-Za-z0-9._~-]*$/;

/**
 * An origin names a log for ever and is the name of its key: parts of letters, digits and `. _ ~ -`, joined by
 * `/`, none of them `e` (the index of an entry follows `/e/`), at most 200 bytes. Throws ORIGIN_INVALID.
 */
export function checkOrigin(origin: string): string {
  const parts = origin.split('/');
  if (origin.length > 200 || parts.some(p => !PART.test(p) || p === 'e')) {
    throw new AuditError('ORIGIN_INVALID', `"${origin.slice(0, 60)}" can't be an origin`, {
      hint: 'use letters, digits and . _ ~ - in parts joined by /, such as audit.example.com/slm/prod',
    });
  }
  return origin;
}

/** The name of the folder of an origin's keys: `/` becomes `+`, which no origin holds. */
export function originFolder(origin: string): string {
  return checkOrigin(origin).replaceAll('/', '+');
}
