import { randomBytes } from 'node:crypto';
import { closeSync, constants, existsSync, fstatSync, fsyncSync, openSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { AuditError, systemText } from '../errors.ts';
import { recordKeyId } from '../keys/derive.ts';
import { entryName } from '../log/entry.ts';
import { originFolder } from '../log/origin.ts';
import { type Pin, formatPin, parsePin } from '../log/pin.ts';
import { formatSigner, makeSigner, parseSigner, type SignerKey, type VerifierKey } from '../note/key.ts';
import {
  createFile,
  isCode,
  makeFolder,
  readWhole,
  removeFile,
  replaceFile,
  syncFolder,
  TEMPORARY,
  writeAll,
} from './durable.ts';
import { namesIn } from './layout.ts';

/**
 * The keys of one store, in a folder of its own outside it (SPEC 3), 0700 and 0600, never overwritten:
 *
 *     KEYS/<origin, / as +>/log.key        signs checkpoints
 *                           record.key     hashes prompts, ids; encrypts quarantine
 *                           record/<id>.key  record keys before it, until they are destroyed
 *                           epoch/<i>.key  signs entry i alone; erased once entry i is committed
 *                           staged/<i>     the text of entry i between being decided and being committed
 *                           head           the newest checkpoint this host has committed
 *                           pin            what auditors keep
 *
 * Epoch keys have a file an index, created exclusively, so that two sealers that race for one index can only ever
 * use the same key: the entry that names key i+1 and the file that holds it never part.
 */
export interface Keys {
  readonly folder: string;
  readonly origin: string;
}

export interface RecordKey {
  readonly id: string;
  readonly key: Buffer;
}

const SECRET = 0o600;

export function keysOf(keysRoot: string, origin: string): Keys {
  return { folder: join(keysRoot, originFolder(origin)), origin };
}

/** Fails with EEXIST where the origin has keys already. */
export function createKeys(keys: Keys, logKey: SignerKey, recordKey: Uint8Array): void {
  makeFolder(join(keys.folder, 'epoch'), 0o700);
  makeFolder(join(keys.folder, 'staged'), 0o700);
  createFile(join(keys.folder, 'log.key'), `${formatSigner(logKey)}\n`, SECRET);
  createFile(join(keys.folder, 'record.key'), recordKeyText(recordKey), SECRET);
}

/** Has this user the key that signs checkpoints? */
export const hasLogKey = (keys: Keys): boolean => existsSync(join(keys.folder, 'log.key'));

export function readLogKey(keys: Keys): SignerKey {
  return readSigner(join(keys.folder, 'log.key'), keys.origin);
}

export const readRecordKey = (keys: Keys): RecordKey => recordKeyAt(join(keys.folder, 'record.key'));

/** The present record key, and those before it that have not been destroyed, the newest of them first. */
export function readRecordKeys(keys: Keys): RecordKey[] {
  const present = readRecordKey(keys);
  const folder = join(keys.folder, 'record');
  const older = namesIn(folder)
    .filter(name => /^[0-9a-f]{8}\.key$/.test(name) && name !== `${present.id}.key`)
    .map(name => ({ key: recordKeyAt(join(folder, name)), at: statSync(join(folder, name)).mtimeMs }));
  return [present, ...older.sort((a, b) => b.at - a.at).map(o => o.key)];
}

/** A new record key becomes the present one; the one before it is kept under its id. Doing it again changes nothing. */
export function replaceRecordKey(keys: Keys, made: Uint8Array): void {
  const before = readRecordKey(keys);
  const folder = join(keys.folder, 'record');
  makeFolder(folder, 0o700);
  replaceFile(join(folder, `${before.id}.key`), recordKeyText(before.key), SECRET);
  replaceFile(join(keys.folder, 'record.key'), recordKeyText(made), SECRET);
}

/** Overwrites and removes a record key that is not the present one; false where there is none of that id. */
export function eraseRecordKey(keys: Keys, id: string): boolean {
  const folder = join(keys.folder, 'record');
  if (!namesIn(folder).includes(`${id}.key`)) return false;
  erase(folder, name => name === `${id}.key`);
  return true;
}

const recordKeyText = (key: Uint8Array): string =>
  `slmaudit-record-key/1 ${recordKeyId(key)} ${Buffer.from(key).toString('base64')}\n`;

function recordKeyAt(path: string): RecordKey {
  const [form, id = '', base64 = ''] = readSecret(path).trimEnd().split(' ');
  const key = Buffer.from(base64, 'base64');
  if (form !== 'slmaudit-record-key/1' || key.length !== 32 || recordKeyId(key) !== id) {
    throw new AuditError('KEY_MALFORMED', `${path} is not a record key`, {
      hint: 'restore it from the copy made at init; records hashed under another key can not be searched by prompt',
    });
  }
  return { id, key };
}

/** Both folders are empty now and then: a copy that was made of files alone lacks them. */
function createIn(folder: string, name: string, text: string): void {
  makeFolder(folder, 0o700);
  createFile(join(folder, name), text, SECRET);
}

const epochPath = (keys: Keys, index: number): string => join(keys.folder, 'epoch', `${index}.key`);
const stagedPath = (keys: Keys, index: number): string => join(keys.folder, 'staged', String(index));

/** The key of entry `index`: made now, or the one that an earlier attempt at this index made. */
export function makeEpochKey(keys: Keys, index: number): SignerKey {
  const made = makeSigner(entryName(keys.origin, index), randomBytes(32));
  try {
    createIn(join(keys.folder, 'epoch'), `${index}.key`, `${formatSigner(made)}\n`);
    return made;
  } catch (error) {
    if (!isCode(error, 'EEXIST')) throw error;
    return readEpochKey(keys, index);
  }
}

/** Throws KEY_LOST where the key of the next entry isn't there: nothing can be sealed without it. */
export function readEpochKey(keys: Keys, index: number): SignerKey {
  const path = epochPath(keys, index);
  const text = readWhole(path, 4096);
  if (text === undefined) {
    throw new AuditError('KEY_LOST', `the key of entry ${index} is not in ${keys.folder}`, {
      hint: 'nothing sealed is lost; another host or a restored backup may have gone on with this log: `slmaudit key status` says what to do',
    });
  }
  return signerFrom(text.toString('utf8'), path, entryName(keys.origin, index));
}

/** Is the key of entry `index` here, and the one that was named? */
export function epochKeyFits(keys: Keys, index: number, named: VerifierKey): boolean {
  const text = readWhole(epochPath(keys, index), 4096);
  if (text === undefined) return false;
  const { name, publicKey } = signerFrom(
    text.toString('utf8'),
    epochPath(keys, index),
    entryName(keys.origin, index),
  );
  return name === named.name && Buffer.from(publicKey).equals(named.publicKey);
}

/** Each is overwritten in place before it goes. */
export function eraseEpochKeysBelow(keys: Keys, index: number): void {
  erase(join(keys.folder, 'epoch'), name => /^\d+\.key$/.test(name) && parseInt(name, 10) < index);
}

/** What a killed writer left: a temporary file in `epoch` can be the copy of a key that is erased elsewhere. */
export function eraseTemporaries(keys: Keys): void {
  for (const folder of ['.', 'epoch', 'record', 'staged'])
    erase(join(keys.folder, folder), name => TEMPORARY.test(name));
}

/** Overwritten in place, then unlinked. On SSDs and copy-on-write file systems old blocks may survive (SPEC 10). */
function erase(folder: string, chosen: (name: string) => boolean): void {
  const old = namesIn(folder).filter(chosen);
  for (const name of old) {
    const fd = openSync(join(folder, name), constants.O_WRONLY | constants.O_NOFOLLOW);
    try {
      const { size, nlink } = fstatSync(fd);
      // A temporary name that was left between link(2) and unlink(2) is the live file itself, not a copy of it.
      if (nlink === 1 || !TEMPORARY.test(name)) {
        writeAll(fd, Buffer.alloc(size));
        fsyncSync(fd);
      }
    } finally {
      closeSync(fd);
    }
    removeFile(join(folder, name));
  }
  if (old.length > 0) syncFolder(folder);
}

/** Fails with EEXIST where entry `index` is decided already. */
export function stageEntry(keys: Keys, index: number, text: string): void {
  createIn(join(keys.folder, 'staged'), String(index), text);
}

export function stagedIndexes(keys: Keys): number[] {
  const names = namesIn(join(keys.folder, 'staged')).filter(name => /^(0|[1-9]\d*)$/.test(name));
  return names.map(Number).sort((a, b) => a - b);
}

/** In their order; each is the text of an entry that was decided and may not be in the log yet. */
export function stagedEntries(keys: Keys): { index: number; text: string }[] {
  return stagedIndexes(keys).map(index => ({
    index,
    text: readWhole(stagedPath(keys, index), 1 << 20)?.toString('utf8') ?? '',
  }));
}

export function unstage(keys: Keys, index: number): void {
  removeFile(stagedPath(keys, index));
  syncFolder(join(keys.folder, 'staged'));
}

export function readHead(keys: Keys): Buffer | undefined {
  return readWhole(join(keys.folder, 'head'), 65_536);
}

export function writeHead(keys: Keys, checkpoint: Uint8Array | string): void {
  replaceFile(join(keys.folder, 'head'), checkpoint, SECRET);
}

export function writePin(keys: Keys, pin: Pin): void {
  replaceFile(join(keys.folder, 'pin'), `${formatPin(pin)}\n`, SECRET);
}

export function readPin(keys: Keys): Pin | undefined {
  const text = readWhole(join(keys.folder, 'pin'), 4096);
  return text && parsePin(text.toString('utf8'));
}

function readSigner(path: string, name: string): SignerKey {
  return signerFrom(readSecret(path), path, name);
}

function signerFrom(text: string, path: string, name: string): SignerKey {
  const key = parseSigner(text.trimEnd());
  if (key.name !== name) {
    throw new AuditError('KEY_MISMATCH', `${path} is the key of ${key.name}, not of ${name}`, {
      hint: 'name the right folder with --keys or SLMAUDIT_KEYS',
    });
  }
  return key;
}

function readSecret(path: string): string {
  let data: Buffer | undefined;
  try {
    data = readWhole(path, 4096);
  } catch (cause) {
    throw new AuditError(
      'KEY_UNREADABLE',
      `can't read ${path}: ${cause instanceof Error ? systemText(cause) : String(cause)}`,
      {
        hint: 'run as the user that made the store, or name the folder of its keys with --keys',
        cause,
      },
    );
  }
  if (data === undefined) {
    throw new AuditError(
      'NO_KEYS',
      `no keys of this store in ${dirname(path)}: ${basename(path)} is not there`,
      {
        hint: 'name the right folder with --keys or SLMAUDIT_KEYS; `slmaudit key status` says what else to do; reading needs no keys',
      },
    );
  }
  return data.toString('utf8');
}
