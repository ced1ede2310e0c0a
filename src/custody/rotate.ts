import { randomBytes } from 'node:crypto';
import { AuditError } from '../errors.ts';
import { recordKeyId } from '../keys/derive.ts';
import { recordKeyLines } from '../log/recordkey.ts';
import { appendEvent } from '../seal/append.ts';
import type { OpenHeader } from '../store/frame.ts';
import { eraseRecordKey, readRecordKeys, replaceRecordKey } from '../store/keys.ts';
import { isFrames, type Layout, namesIn, openFile, openFolder, parseOpenName } from '../store/layout.ts';
import { isOwn, readHeader } from '../store/open.ts';
import type { Store } from '../store/store.ts';

export interface Rotated {
  readonly entry: number;
  /** Ids of the key that is used from now on, and of the one before it, which stays. */
  readonly id: string;
  readonly before: string;
}

/**
 * A new record key, said in the log: what is hashed from now on can't be linked to what was before, once the key
 * before is destroyed. The key is put in place before the entry is committed: one that is used and not said is harmless
 * (every record names its key), one that is said and lost is not.
 */
export async function rotateRecordKey(store: Store, lockWaitMs: number): Promise<Rotated> {
  const { keys } = store;
  const made = randomBytes(32);
  const id = recordKeyId(made);
  let before = '';
  const entry = await appendEvent(store, { lockWaitMs, now: Date.now() }, () => {
    before = readRecordKeys(keys)[0]!.id;
    replaceRecordKey(keys, made);
    return { kind: 'recordkey', lines: recordKeyLines(id) };
  });
  return { entry: entry!, id, before };
}

/**
 * Erases a record key of before: hashes made under it match nothing any more, its quarantine is closed for good, and
 * files it named are unknown. Every signature still verifies. Throws KEY_IN_USE, NO_SUCH_KEY.
 */
export function destroyRecordKey({ at, keys }: Store, id: string): void {
  const [present, ...older] = readRecordKeys(keys);
  if (present!.id === id)
    throw new AuditError('KEY_IN_USE', `record key ${id} is the present one`, {
      hint: 'make another with `slmaudit key rotate` first',
    });
  // Without it nobody could tell any more that a writer of this store began them: they would never be sealed.
  const waiting = headersIn(at).find(header => header.key === id && isOwn(header, older) === true);
  if (waiting)
    throw new AuditError('KEY_IN_USE', `open segment ${waiting.batch} was begun under record key ${id}`, {
      hint: 'run `slmaudit seal`, or wait for the ingest that writes it, then destroy the key',
    });
  if (!older.some(key => key.id === id) || !eraseRecordKey(keys, id))
    throw new AuditError('NO_SUCH_KEY', `no record key ${id.slice(0, 40)} is here`, {
      hint: '`slmaudit key status` lists them',
    });
}

function headersIn(at: Layout): OpenHeader[] {
  return namesIn(openFolder(at)).flatMap(name => {
    const parts = parseOpenName(name);
    const header =
      parts && isFrames(parts.form) ? readHeader(openFile(at, parts.batch, parts.form)) : undefined;
    return typeof header === 'object' ? [header] : [];
  });
}
