import { join, resolve } from 'node:path';
import { AuditError, isSystemError } from '../errors.ts';
import { keysOf } from '../store/keys.ts';
import { namesIn } from '../store/layout.ts';
import { type Head, readCheckpoint } from '../store/log.ts';
import { openStore, type Store } from '../store/store.ts';
import type { Finding } from './finding.ts';

/**
 * Opens a store for verify: what keeps others from opening one is here a finding. Throws NO_STORE and
 * WRITTEN_BY_NEWER.
 */
export function openToVerify(folder: string, keys: string): Store | Finding {
  try {
    return openStore(folder, keys);
  } catch (error) {
    if (!(error instanceof AuditError || isSystemError(error))) throw error;
    const isOwn = error instanceof AuditError;
    const code = isOwn ? error.code : '';
    const lost = code === 'NO_STORE' && namesIn(join(folder, 'log')).length > 0;
    const format =
      !isOwn || lost || ['FORMAT_MALFORMED', 'WRITTEN_BY_NEWER', 'UNSAFE_PATH', 'TOO_LARGE'].includes(code);
    // Whatever FORMAT says, all that this version can check is checked: it must not be a way to hide the rest.
    const checkpoint = format ? quietCheckpoint(folder) : undefined;
    if (checkpoint)
      return {
        at: { store: resolve(folder) },
        origin: checkpoint.origin,
        keys: keysOf(resolve(keys), checkpoint.origin),
      };
    // With no log beside it, what has another FORMAT is no store that was altered: it is none.
    const isNone = code !== 'WRITTEN_BY_NEWER' && namesIn(join(folder, 'log')).length === 0;
    if (!isOwn || (format && isNone)) throw error;
    if (format)
      return {
        code: code === 'WRITTEN_BY_NEWER' ? 'WRITTEN_BY_NEWER' : 'FORMAT_ALTERED',
        file: 'FORMAT',
      };
    if (code === 'CHECKPOINT_MISSING' || code === 'CHECKPOINT_MALFORMED')
      return { code, file: 'log/checkpoint' };
    throw error;
  }
}

function quietCheckpoint(folder: string): Head | undefined {
  try {
    return readCheckpoint({ store: resolve(folder) });
  } catch (error) {
    if (error instanceof AuditError) return undefined;
    throw error;
  }
}
