import { AuditError } from '../errors.ts';
import { entryHash, formatEntry, parseEntry } from '../log/entry.ts';
import { parseGenesis } from '../log/genesis.ts';
import { rekeyLines, type RekeyReason } from '../log/rekey.ts';
import type { SignerKey, VerifierKey } from '../note/key.ts';
import { formatNote, parseNote, signNote } from '../note/note.ts';
import { publishEntry } from '../seal/commit.ts';
import { recover as recoverLog } from '../seal/recover.ts';
import { entryBehind } from '../seal/tip.ts';
import { epochKeyFits, makeEpochKey, readLogKey, readPin, writePin } from '../store/keys.ts';
import { lockPath } from '../store/layout.ts';
import { takeLock } from '../store/lock.ts';
import { readEntries } from '../store/log.ts';
import type { Store } from '../store/store.ts';

export interface RecoverOptions {
  readonly recoveryKey: SignerKey;
  readonly reason: RekeyReason;
  readonly lockWaitMs: number;
}

/**
 * Lets a log go on whose epoch key is lost, or is another's too: a rekey entry names a new one, under the recovery
 * key. It stays in the log, and in what verify says of it, for ever. Returns the number of the entry.
 * Throws NO_RECOVERY, KEY_MISMATCH, NOTHING_LOST, SEAL_RACED, and what recovering an interrupted seal throws.
 */
export async function recoverKey(
  store: Store,
  { recoveryKey, reason, lockWaitMs }: RecoverOptions,
): Promise<number> {
  const { at, keys, origin } = store;
  checkRecoveryKey(store, recoveryKey);
  const logKey = readLogKey(keys);
  const lock = await takeLock(lockPath(at), lockWaitMs);
  try {
    // What was decided under the lost key can't be signed any more; its lines are in the open segment.
    const tip = await recoverLog(store, { abandonStaged: true });
    if (reason === 'lost' && epochKeyFits(keys, tip.size, tip.next))
      throw new AuditError('NOTHING_LOST', `the key of entry ${tip.size} is here and is the right one`, {
        hint: 'nothing was written; if somebody else may have it too, add --reason leaked',
      });
    const next = makeEpochKey(keys, tip.size + 1);
    const text = formatEntry(
      entryBehind(tip, origin, Date.now(), { kind: 'rekey', lines: rekeyLines(reason), next }),
    );
    const note = Buffer.from(formatNote(signNote(text, recoveryKey)), 'utf8');
    publishEntry(store, tip, note);
    // A host that was given the keys that last, and no more, has none.
    const [genesis] = readEntries(at, 0, 1);
    const { name, keyId, publicKey } = logKey;
    if (genesis && !readPin(keys))
      writePin(keys, { logKey: { name, keyId, publicKey }, genesis: entryHash(genesis) });
    return tip.size;
  } finally {
    lock.release();
  }
}

/** The recovery key that genesis names; undefined where it names none. */
export function recoveryKeyOf({ at }: Store): VerifierKey | undefined {
  const [genesis] = readEntries(at, 0, 1);
  return genesis && parseGenesis(parseEntry(parseNote(genesis).text)).recoveryKey;
}

function checkRecoveryKey(store: Store, given: SignerKey): void {
  const named = recoveryKeyOf(store);
  if (!named)
    throw new AuditError('NO_RECOVERY', 'the genesis of this log names no recovery key', {
      hint: 'it was made with --no-recovery: what is sealed stays verifiable; begin a new store with `slmaudit init`',
    });
  if (given.name === named.name && Buffer.from(given.publicKey).equals(named.publicKey)) return;
  throw new AuditError('KEY_MISMATCH', `that is not the recovery key of ${store.origin}`, {
    hint: 'give the key that `slmaudit init` showed when this store was made',
  });
}
