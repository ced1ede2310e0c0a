import { closeSync, constants, fdatasync, fstatSync, lstatSync, openSync, readSync, write } from 'node:fs';
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { AuditError } from '../errors.ts';
import { createMac } from '../keys/hash.ts';
import { instantOf } from './clock.ts';
import { createFile, isCode, openToRead } from './durable.ts';
import { type RecordKey, readRecordKey } from './keys.ts';
import { readCheckpoint } from './log.ts';
import { thisProcess } from './owner.ts';
import type { Store } from './store.ts';
import { type Begun, type Frame, headerFrame, type OpenHeader, parseFrame } from './frame.ts';

const writeTo = promisify(write);
const datasync = promisify(fdatasync);

/** The header of a new open segment of this process. Throws KEY_MISSING, KEY_MALFORMED. */
export function newHeader(store: Store): OpenHeader {
  return headerUnder(readRecordKey(store.keys), {
    form: 'slmaudit-open/2',
    origin: store.origin,
    batch: randomBytes(16).toString('hex'),
    since: readCheckpoint(store.at).size,
    at: instantOf(Date.now()),
    owner: thisProcess(),
  });
}

export const headerUnder = (key: RecordKey, begun: Begun): OpenHeader => ({
  ...begun,
  key: key.id,
  mac: macOf(key, begun),
});

/** Did a writer of this store begin it? `unknown`: it says that it used a key that isn't among these. */
export function isOwn(header: OpenHeader, keys: readonly RecordKey[]): boolean | 'unknown' {
  const key = keys.find(({ id }) => id === header.key);
  if (!key) return 'unknown';
  return timingSafeEqual(Buffer.from(macOf(key, header), 'hex'), Buffer.from(header.mac, 'hex'));
}

function macOf({ key }: RecordKey, { form, origin, batch, since, at, owner }: Begun): string {
  const { host, boot, pidns, pid, start } = owner;
  const text = JSON.stringify([form, origin, batch, since, at, host, boot, pidns, pid, start]);
  return createMac(key)(`slmaudit/open/v1\0${text}`);
}

/** An open segment being written: frames gather in memory, sync() makes them durable. */
export interface OpenSegment {
  readonly path: string;
  readonly header: OpenHeader;
  /** Bytes added and not yet on their way to disk. */
  pending(): number;
  add(frame: string | Uint8Array): void;
  /**
   * Appends and fdatasyncs all that was added, then checks that the path still is this file. Throws OPEN_TAKEN
   * where another process took it over; any other failure is fatal for the run (SPEC 8).
   */
  sync(): Promise<void>;
  close(): void;
}

/** An open segment stands there with its whole header or not at all: others tell from it whose it is. */
export function createOpenSegment(path: string, header: OpenHeader): OpenSegment {
  const first = headerFrame(header);
  createFile(path, first, 0o600);
  const fd = openSync(path, constants.O_WRONLY | constants.O_APPEND | constants.O_NOFOLLOW);
  const { dev, ino, nlink, size } = fstatSync(fd);
  // Another file that somebody has put there since is nothing to write to.
  if (nlink !== 1 || size !== Buffer.byteLength(first)) throw taken(path);
  let pending = new Pending();
  let spare: Pending | undefined;
  let running: Promise<void> = Promise.resolve();
  return {
    path,
    header,
    pending: () => pending.size,
    add: frame => pending.add(frame),
    sync() {
      const full = pending;
      const { bytes } = full;
      pending = spare ?? new Pending();
      spare = undefined;
      running = running
        .then(() => append(fd, bytes))
        .then(() => {
          full.size = 0;
          spare = full;
          checkSameFile(path, dev, ino);
        });
      return running;
    },
    close: () => closeSync(fd),
  };
}

/** Frames behind one another, in memory that is used again once they are on disk. */
class Pending {
  size = 0;
  #data = Buffer.alloc(0);

  get bytes(): Buffer {
    return this.#data.subarray(0, this.size);
  }

  add(frame: string | Uint8Array): void {
    const needed = this.size + (typeof frame === 'string' ? frame.length * 3 : frame.length);
    if (needed > this.#data.length) {
      const wider = Buffer.allocUnsafe(Math.max(1 << 16, needed * 2));
      this.#data.copy(wider, 0, 0, this.size);
      this.#data = wider;
    }
    if (typeof frame === 'string') this.size += this.#data.write(frame, this.size, 'utf8');
    else {
      this.#data.set(frame, this.size);
      this.size += frame.length;
    }
  }
}

/**
 * Bytes of one write. Of a longer one Linux makes pages of 2 MiB in its cache, which it first has to find together: 2.4 s of processor
 * for a gigabyte in pieces of 8 MiB, 1.0 in pieces of one.
 */
const MOST_WRITTEN = 1 << 20;

async function append(fd: number, data: Buffer): Promise<void> {
  for (let done = 0; done < data.length;) {
    done += (await writeTo(fd, data, done, Math.min(data.length - done, MOST_WRITTEN))).bytesWritten;
  }
  await datasync(fd);
}

function checkSameFile(path: string, dev: number, ino: number): void {
  try {
    const now = lstatSync(path);
    if (now.dev === dev && now.ino === ino) return;
  } catch (error) {
    if (!isCode(error, 'ENOENT')) throw error;
  }
  throw taken(path);
}

const taken = (path: string): AuditError =>
  new AuditError('OPEN_TAKEN', `${path} was taken over by another process while this one was writing it`, {
    hint: 'what was acknowledged is kept; run the same ingest again',
  });

/** The header of an open segment, from its first line alone. Undefined if it is damaged; `gone`: there is no such file. */
export function readHeader(path: string): OpenHeader | 'gone' | undefined {
  let header: OpenHeader | undefined;
  const fd = openIfThere(path);
  if (fd === undefined) return 'gone';
  try {
    const start = Buffer.alloc(4096);
    const got = readSync(fd, start, 0, start.length, 0);
    const lf = start.subarray(0, got).indexOf(10);
    const frame = lf < 0 ? undefined : parseFrame(start.subarray(0, lf));
    if (frame?.kind === 'header') ({ header } = frame);
  } finally {
    closeSync(fd);
  }
  return header;
}

/** Undefined if it is gone, or no regular file: a pipe put there would hold its reader for ever. */
function openIfThere(path: string): number | undefined {
  try {
    const fd = openToRead(path);
    if (fstatSync(fd).isFile()) return fd;
    closeSync(fd);
    return undefined;
  } catch (error) {
    if (isCode(error, 'ENOENT', 'ELOOP')) return undefined;
    throw error;
  }
}

/** What a walk over an open segment's frames found at its end. */
export interface WalkEnd {
  /** Frames before the last whose checksum is wrong. */
  readonly damaged: number;
  /** Bytes of an incomplete last frame. */
  readonly torn: number;
}

const CHUNK = 1 << 20;
const MAX_FRAME = 64 << 20;

/** Hands over each intact frame in order. Undefined if the file is gone. */
export function walkFrames(path: string, visit: (frame: Frame) => void): WalkEnd | undefined {
  const fd = openIfThere(path);
  if (fd === undefined) return undefined;
  try {
    const chunk = Buffer.allocUnsafe(CHUNK);
    // Of a line that goes on: joined once its end comes.
    let parts: Buffer[] = [];
    let held = 0;
    let damaged = 0;
    // A bad frame counts as damage only once a line follows it; until then it may be the torn last one.
    let bad = 0;
    for (let got = readSync(fd, chunk); got > 0; got = readSync(fd, chunk)) {
      const part = chunk.subarray(0, got);
      const isWithin = !part.includes(10);
      const data = isWithin || held === 0 ? part : Buffer.concat([...parts, part]);
      let start = 0;
      if (!isWithin) [parts, held] = [[], 0];
      for (let lf = isWithin ? -1 : data.indexOf(10); lf >= 0; lf = data.indexOf(10, start)) {
        damaged += bad;
        const frame = parseFrame(data.subarray(start, lf));
        bad = frame ? 0 : 1;
        if (frame) visit(frame);
        start = lf + 1;
      }
      if (start < data.length) parts.push(Buffer.from(data.subarray(start)));
      held += data.length - start;
      if (held > MAX_FRAME) throw new AuditError('OPEN_MALFORMED', `${path} holds a line of over 64 MiB`);
    }
    return held > 0 ? { damaged: damaged + bad, torn: held } : { damaged, torn: bad };
  } finally {
    closeSync(fd);
  }
}
