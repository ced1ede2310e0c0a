import { linkSync } from 'node:fs';
import { isCode, removeFile, syncFolder } from '../store/durable.ts';
import { asideFile, isMadeOfFrames, openFile, openFolder } from '../store/layout.ts';
import type { Store } from '../store/store.ts';
import { removeOf } from './commit.ts';

/** An open segment that can't be sealed, ever, and where it lies now. */
export interface Aside {
  readonly batch: string;
  readonly path: string;
  readonly reason: string;
}

/**
 * Gives a taken open segment a name under which nobody reads it on or seals it: `verify` and `status` say it until a person has looked at it
 * and moved it away. What has such a name already stays.
 */
export function setAside({ at }: Store, batch: string, reason: string): Aside {
  const taken = openFile(at, batch, 'taken');
  for (let n = 0; ; n++) {
    const path = asideFile(at, batch, n);
    try {
      linkSync(taken, path);
    } catch (error) {
      if (isCode(error, 'EEXIST')) continue;
      throw error;
    }
    removeOf(at, batch, isMadeOfFrames);
    removeFile(taken);
    syncFolder(openFolder(at));
    return { batch, path, reason };
  }
}
