import { AuditError, systemText } from '../errors.ts';
import type { Description } from '../record/yaml.ts';
import { readBounded } from './durable.ts';

const MOST_BYTES = 1 << 20;

/** The text of a YAML file. Throws <code>_UNREADABLE, <code>_INVALID where it is too large. */
export function readDescribed(path: string, { code, what, hint }: Description): string {
  try {
    return readBounded(path, MOST_BYTES).toString('utf8');
  } catch (cause) {
    if (cause instanceof AuditError && cause.code === 'TOO_LARGE')
      throw new AuditError(
        `${code}_INVALID`,
        `${path}:1: it is larger than ${MOST_BYTES >> 20} MiB, too large to be ${what}`,
        {
          hint,
        },
      );
    const why = cause instanceof Error ? systemText(cause) : '';
    throw new AuditError(`${code}_UNREADABLE`, `can't read ${path}: ${why}`, {
      hint: `name a YAML file that is ${what}; ${hint}`,
      cause,
    });
  }
}
