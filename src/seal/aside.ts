import { existsSync, linkSync, lstatSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { isCode, removeFile, syncFolder } from '../store/durable.ts';
import { readRecordKeys } from '../store/keys.ts';
import {
  asideFile,
  asideNames,
  isMadeOfFrames,
  openFile,
  openFolder,
  parseOpenName,
} from '../store/layout.ts';
import { isOwn, readHeader } from '../store/open.ts';
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
      if (!isCode(error, 'EEXIST')) throw error;
      // It has that name already where a kill came in between.
      if (lstatSync(path).ino !== lstatSync(taken).ino) continue;
    }
    removeOf(at, batch, isMadeOfFrames);
    removeFile(taken);
    syncFolder(openFolder(at));
    return { batch, path, reason };
  }
}

/** What was set aside, and a writer of this store has begun, is once more as it was before: taken. */
export function bringBack({ at, keys }: Store): void {
  const own = readRecordKeys(keys);
  for (const name of asideNames(at)) {
    const { batch } = parseOpenName(name)!;
    const path = join(openFolder(at), name);
    const header = readHeader(path);
    const isOurs = typeof header === 'object' && header.batch === batch && isOwn(header, own) === true;
    const [open, taken] = [openFile(at, batch, 'open'), openFile(at, batch, 'taken')];
    if (isOurs && !existsSync(open) && !existsSync(taken)) renameSync(path, taken);
  }
}
