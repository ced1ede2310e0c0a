import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { hmacSha256 } from '../keys/hash.ts';
import { createFile, isCode, isUnwritable, makeFolder, readWhole, replaceFile } from './durable.ts';

/**
 * Files outside the store that spare this host's readers what they have verified before. A file's first line is an HMAC of the rest under
 * a key beside it; one that doesn't fit is as if it weren't there: all can be verified anew. So is what others may write: with `sudo`, a
 * home can be that of somebody else.
 */
export interface Remembered {
  readonly folder: string;
  readonly name: string;
  /** What it is and what of: the HMAC is made with that too. */
  readonly form: string;
  readonly genesis: Buffer;
}

const MOST_BYTES = 1 << 30;

export function readRemembered(what: Remembered): string | undefined {
  try {
    const text = readWhole(join(what.folder, what.name), MOST_BYTES)?.toString('utf8');
    const key = readWhole(join(what.folder, 'key'), 64);
    if (!isOurs(what.folder) || !isOurs(join(what.folder, 'key'))) return undefined;
    if (text === undefined || key?.length !== 32) return undefined;
    const end = text.indexOf('\n');
    const body = text.slice(end + 1);
    const mac = Buffer.from(text.slice(0, end), 'hex');
    const made = macOf(key, what, body);
    return mac.length === made.length && timingSafeEqual(mac, made) ? body : undefined;
  } catch {
    return undefined;
  }
}

/** Never the reason of a failure: a home that can't be written only means that nothing is remembered. */
export function remember(what: Remembered, body: string): void {
  try {
    makeFolder(what.folder, 0o700);
    if (!isOurs(what.folder)) return;
    const mac = macOf(keyIn(what.folder), what, body).toString('hex');
    replaceFile(join(what.folder, what.name), `${mac}\n${body}`, 0o600);
  } catch (error) {
    if (!isUnwritable(error)) throw error;
  }
}

/** May nobody else write it? */
function isOurs(path: string): boolean {
  const { uid, mode } = lstatSync(path);
  return process.geteuid === undefined || (uid === process.geteuid() && (mode & 0o022) === 0);
}

function keyIn(folder: string): Buffer {
  const path = join(folder, 'key');
  try {
    const key = randomBytes(32);
    createFile(path, key, 0o600);
    return key;
  } catch (error) {
    if (!isCode(error, 'EEXIST')) throw error;
    return readWhole(path, 64) ?? Buffer.alloc(0);
  }
}

const macOf = (key: Uint8Array, { form, genesis }: Remembered, body: string): Buffer =>
  hmacSha256(key, Buffer.from(form), genesis, hash('sha256', body, 'buffer'));
