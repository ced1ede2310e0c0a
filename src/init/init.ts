import { randomBytes, randomInt } from 'node:crypto';
import { renameSync, rmSync, statSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { AuditError } from '../errors.ts';
import { recordKeyId } from '../keys/derive.ts';
import { entryHash, entryName, formatEntry } from '../log/entry.ts';
import { genesisLines } from '../log/genesis.ts';
import { checkOrigin } from '../log/origin.ts';
import type { Pin } from '../log/pin.ts';
import { formatSigner, makeSigner, type SignerKey } from '../note/key.ts';
import { formatNote, signNote } from '../note/note.ts';
import { SCHEMA_VERSION } from '../record/schema.ts';
import { instantOf } from '../store/clock.ts';
import { createFile, makeFolder, syncFolder } from '../store/durable.ts';
import { createKeys, keysOf, makeEpochKey, writeHead, writePin } from '../store/keys.ts';
import { FORMAT, formatPath, namesIn, makeOpenFolder } from '../store/layout.ts';
import { publish, writeEntry } from '../store/log.ts';

export interface InitOptions {
  readonly store: string;
  readonly keys: string;
  readonly origin?: string;
  /** Make an offline recovery key. */
  readonly recovery: boolean;
}

export interface Made {
  readonly store: string;
  readonly keys: string;
  readonly origin: string;
  readonly pin: Pin;
  /** The private recovery key, told once and kept nowhere. */
  readonly recovery?: string;
}

/**
 * Makes a store and its keys. Both are built under temporary names beside their places and renamed when whole,
 * keys first: an init that is killed leaves no half store.
 * Throws STORE_EXISTS, KEYS_EXIST, ORIGIN_INVALID.
 */
export function init(options: InitOptions): Made {
  const store = resolve(options.store);
  const origin = checkOrigin(options.origin ?? defaultOrigin());
  const folder = keysOf(resolve(options.keys), origin).folder;
  if (inside(folder, store)) {
    throw new AuditError('KEYS_INSIDE_STORE', `the keys would lie inside the store, in ${folder}`, {
      hint: 'name a folder elsewhere with --keys: whoever copies the store must not get its keys',
    });
  }
  refuseExisting(store, folder, origin);

  const random = randomBytes(6).toString('hex');
  const building = { store: `${store}.init-${random}` };
  const keysRoot = `${folder}.init-${random}`;
  const keys = keysOf(keysRoot, origin);
  try {
    const recordKey = randomBytes(32);
    const logKey = makeSigner(origin, randomBytes(32));
    const recovery = options.recovery ? makeSigner(`${origin}/recovery`, randomBytes(32)) : undefined;
    createKeys(keys, logKey, recordKey);
    const note = genesisNote(origin, logKey, recordKey, recovery, makeEpochKey(keys, 1));
    // Who asked what is nobody's business by default; chmod opens a store to auditors of this host.
    makeFolder(building.store, 0o700);
    for (const name of ['log', 'records', 'quarantine']) makeFolder(join(building.store, name));
    makeOpenFolder(building);
    const root = writeEntry(building, 0, note);
    const checkpoint = publish(building, { origin, size: 1, root }, logKey);
    createFile(formatPath(building), FORMAT);
    const { name, keyId, publicKey } = logKey;
    const pin = { logKey: { name, keyId, publicKey }, genesis: entryHash(note) };
    writeHead(keys, checkpoint);
    writePin(keys, pin);
    makeFolder(dirname(folder), 0o700);
    renameSync(keys.folder, folder);
    syncFolder(dirname(folder));
    makeFolder(dirname(store));
    renameSync(building.store, store);
    syncFolder(dirname(store));
    return { store, keys: folder, origin, pin, ...(recovery && { recovery: formatSigner(recovery) }) };
  } finally {
    rmSync(building.store, { recursive: true, force: true });
    rmSync(keysRoot, { recursive: true, force: true });
  }
}

/** Signed by epoch key 0, which lives in this function only, and by the log key. */
function genesisNote(
  origin: string,
  logKey: SignerKey,
  recordKey: Uint8Array,
  recovery: SignerKey | undefined,
  next: SignerKey,
): Buffer {
  const epochKey = makeSigner(entryName(origin, 0), randomBytes(32));
  const text = formatEntry({
    origin,
    index: 0,
    kind: 'genesis',
    version: 1,
    at: instantOf(Date.now()),
    lines: genesisLines({
      logKey,
      epochKey,
      schema: SCHEMA_VERSION,
      recordKeyId: recordKeyId(recordKey),
      ...(recovery && { recoveryKey: recovery }),
    }),
    next,
  });
  return Buffer.from(formatNote(signNote(text, epochKey, logKey)), 'utf8');
}

function refuseExisting(store: string, folder: string, origin: string): void {
  if (taken(store)) {
    throw new AuditError('STORE_EXISTS', `${store} exists already and is not empty`, {
      hint: 'nothing was changed; look at it with `slmaudit status`, or name another folder with --store',
    });
  }
  if (taken(folder)) {
    throw new AuditError('KEYS_EXIST', `there are keys for ${origin} in ${folder} already`, {
      hint: 'keys are never overwritten; choose another --origin or --keys',
    });
  }
}

function taken(path: string): boolean {
  return namesIn(path).length > 0 || statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

const inside = (path: string, folder: string): boolean => `${path}/`.startsWith(`${folder}/`);

/** `<host>/slmaudit/<8 random letters>`, so that no two stores share one. */
function defaultOrigin(): string {
  const host = hostname()
    .replaceAll(/[^A-Za-z0-9._-]/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, 100);
  const letters = Array.from({ length: 8 }, () => String.fromCharCode(97 + randomInt(26))).join('');
  return `${host === '' || host === 'e' ? 'host' : host}/slmaudit/${letters}`;
}
