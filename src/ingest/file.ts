import { createHash } from 'node:crypto';
import {
  closeSync,
  constants,
  createReadStream,
  existsSync,
  openSync,
  read,
  readSync,
  statSync,
} from 'node:fs';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { createGunzip } from 'node:zlib';
import { AuditError, systemText } from '../errors.ts';
import { hmacSha256 } from '../keys/hash.ts';
import type { SourceRange } from '../log/segment.ts';
import { isCode } from '../store/durable.ts';
import type { RecordKey } from '../store/keys.ts';
import { rangeDigest } from './writer.ts';

/** A file of input and how it is compressed. */
export interface InputFile {
  readonly path: string;
  readonly gzip: boolean;
  /** It is open already, and may have another name by now. */
  readonly fd?: number;
}

/**
 * Undefined for what is no regular file but can be read as a pipe. Throws INPUT_UNREADABLE; with `awaited`, not for
 * a file that isn't there yet.
 */
export function inspectFile(path: string, awaited = false): InputFile | undefined {
  try {
    if (awaited && !existsSync(path)) return { path, gzip: false };
    // Not by opening it: the writer of a pipe would see its reader come and go.
    const stat = statSync(path);
    if (stat.isDirectory()) throw new Error('it is a folder');
    if (!stat.isFile()) return undefined;
    const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const magic = Buffer.alloc(2);
      return { path, gzip: readSync(fd, magic, 0, 2, 0) === 2 && isGzip(magic) };
    } finally {
      closeSync(fd);
    }
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

export const isGzip = (start: Buffer): boolean => start[0] === 0x1f && start[1] === 0x8b;

/**
 * The file's bytes, decompressed; each part is valid until the next is asked for. A gzip file that ends too early throws INPUT_CUT behind
 * its last whole bytes.
 */
async function* readFrom({ path, gzip, fd }: InputFile, start = 0): AsyncGenerator<Buffer> {
  if (fd !== undefined) return yield* readOpen(fd, start);
  if (gzip) return yield* gunzipped(createReadStream(path, { highWaterMark: PART, start }), path);
  const own = opened(path);
  try {
    yield* readOpen(own, start);
  } catch (cause) {
    throw unreadable(path, cause);
  } finally {
    closeSync(own);
  }
}

/** A pipe that has taken the file's place since it was looked at must not keep the program waiting for a writer. */
function opened(path: string): number {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

const PART = 1 << 20;

/** Into memory that is used again: to collect new parts took a twentieth of an ingest's CPU. */
async function* readOpen(fd: number, start: number): AsyncGenerator<Buffer> {
  const part = Buffer.allocUnsafeSlow(PART);
  for (let at = start; ;) {
    const { bytesRead } = await readAt(fd, part, 0, PART, at);
    if (bytesRead === 0) return;
    at += bytesRead;
    yield part.subarray(0, bytesRead);
  }
}

const readAt = promisify(read);

export async function* gunzipped(from: Readable, name: string): AsyncGenerator<Buffer> {
  const unzip = createGunzip({ chunkSize: 1 << 18 });
  from.on('error', error => unzip.destroy(error));
  yield* chunks(from.pipe(unzip), name);
}

async function* chunks(from: Readable, name: string): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of from) yield chunk as Buffer;
  } catch (cause) {
    if (isCode(cause, 'Z_BUF_ERROR', 'Z_DATA_ERROR')) {
      throw new AuditError(
        'INPUT_CUT',
        `${name} is not a whole gzip file: ${cause instanceof Error ? systemText(cause) : ''}`,
        {
          hint: 'what came before is kept; run the same ingest again once the file is whole',
          cause,
        },
      );
    }
    throw unreadable(name, cause);
  }
}

export function unreadable(path: string, cause: unknown): AuditError {
  return new AuditError(
    'INPUT_UNREADABLE',
    `can't read ${path}: ${cause instanceof Error ? systemText(cause) : String(cause)}`,
    {
      hint: 'name a file that this user may read, or - for standard input',
      cause,
    },
  );
}

/** Where in a file to go on. */
export interface Resume {
  /** Hex of 16 bytes: the keyed hash of the file's first line; names the file wherever it is moved. */
  readonly identity: string;
  /** The record key that it and the digests of its ranges are made with. */
  readonly key: Uint8Array;
  readonly from: number;
  /** Lines before `from`. */
  readonly lines: number;
  /** The byte before `from` is no line feed: the line was read before it was terminated. */
  readonly unterminated: boolean;
  /** Files that begin with the same line and go on otherwise, seen before this one. */
  readonly variant: number;
}

/** Bytes of the first line that name a file; the same whatever the options of a run are. */
export const IDENTIFIED: number = 64 << 10;

/** The names of a file under one record key: one for each file that begins with the same line. */
export interface Identities {
  readonly key: Uint8Array;
  readonly of: (variant: number) => string;
}

/** By its first line, under each of the keys; undefined for an empty file. */
export async function identitiesOf(
  file: InputFile,
  keys: readonly RecordKey[],
): Promise<readonly Identities[] | undefined> {
  const first = await firstLine(file, IDENTIFIED);
  return first && keys.map(({ key }) => ({ key, of: variant => identityOf(first, key, variant) }));
}

function identityOf(first: Buffer, key: Uint8Array, variant: number): string {
  const suffix = Buffer.from(variant === 0 ? '' : `\0${variant}`);
  return hmacSha256(key, Buffer.from('slmaudit/file/v1'), first, suffix).toString('hex', 0, 16);
}

/**
 * Finds what of a file the log holds already, and checks every byte of it against the committed digests. Another
 * file that begins with the same line (a header, a start-up message) gets an identity of its own. A file that is known
 * under a key of before keeps the name it has there. `isTaken`: an identity that is another file's for now.
 */
export async function findResume(
  file: InputFile,
  identities: readonly Identities[],
  rangesOf: (identity: string) => readonly SourceRange[],
  isTaken: (identity: string) => boolean = () => false,
): Promise<Resume> {
  const { key, of } = identities.find(i => rangesOf(i.of(0)).length > 0) ?? identities[0]!;
  for (let variant = 0; ; variant++) {
    const identity = of(variant);
    if (isTaken(identity)) continue;
    const held = await matches(file, rangesOf(identity), key);
    if (held) return { identity, key, variant, ...held };
  }
}

/** The first bytes of a file, decompressed, `most` of them or until they are enough; `ended`: there are no more. */
export async function firstBytes(
  file: InputFile,
  most: number,
  isEnough: (part: Buffer) => boolean,
): Promise<{ head: Buffer; ended: boolean }> {
  const parts: Buffer[] = [];
  let size = 0;
  try {
    for await (const part of bytesBetween(file, 0, most)) {
      parts.push(Buffer.from(part));
      size += part.length;
      if (isEnough(part)) return { head: Buffer.concat(parts), ended: false };
    }
  } catch (error) {
    // A cut gzip file is read as far as it goes, and said there.
    if (!(error instanceof AuditError) || error.code !== 'INPUT_CUT') throw error;
  }
  return { head: Buffer.concat(parts), ended: size < most };
}

/** Bytes up to the first line feed; up to the end where there is none; at most `max` of them. */
async function firstLine(file: InputFile, max: number): Promise<Buffer | undefined> {
  const parts: Buffer[] = [];
  let [size, ended] = [0, false];
  try {
    for await (const chunk of readFrom(file)) {
      const lf = chunk.indexOf(10);
      const part = Buffer.from(chunk.subarray(0, lf < 0 ? chunk.length : lf));
      parts.push(part);
      size += part.length;
      ended = lf >= 0;
      if (ended || size > max) break;
    }
  } catch (error) {
    // A cut gzip file is read as far as it goes, and said there.
    if (!(error instanceof AuditError) || error.code !== 'INPUT_CUT' || size === 0) throw error;
  }
  return size > 0 || ended ? Buffer.concat(parts).subarray(0, max) : undefined;
}

/** Every committed byte, against the digests of its ranges. Undefined where the file is another one. */
async function matches(
  file: InputFile,
  ranges: readonly SourceRange[],
  recordKey: Uint8Array,
): Promise<Pick<Resume, 'from' | 'lines' | 'unterminated'> | undefined> {
  const end = ranges.at(-1)?.to ?? 0;
  if (end === 0) return { from: 0, lines: 0, unterminated: false };
  let [next, at, lines, last] = [0, 0, 0, 10];
  let hash = createHash('sha256');
  for await (const chunk of readFrom(file)) {
    let rest: Buffer = chunk.subarray(0, end - at);
    for (let lf = rest.indexOf(10); lf >= 0; lf = rest.indexOf(10, lf + 1)) lines++;
    last = rest.at(-1) ?? last;
    while (rest.length > 0 && next < ranges.length) {
      const range = ranges[next]!;
      const part = rest.subarray(0, range.to - at);
      hash.update(part);
      at += part.length;
      rest = rest.subarray(part.length);
      if (at < range.to) break;
      if (rangeDigest(recordKey, hash) !== range.digest) return undefined;
      hash = createHash('sha256');
      next++;
    }
    if (at >= end) break;
  }
  if (at < end) return undefined;
  return { from: end, lines: lines + (last === 10 ? 0 : 1), unterminated: last !== 10 };
}

/** The bytes from..to of a file, decompressed; each part is valid until the next is asked for. */
export async function* bytesBetween(file: InputFile, from: number, to: number): AsyncGenerator<Buffer> {
  let at = file.gzip ? 0 : from;
  for await (const chunk of readFrom(file, at)) {
    const part = chunk.subarray(Math.max(0, from - at), Math.max(0, to - at));
    at += chunk.length;
    if (part.length > 0) yield part;
    if (at >= to) return;
  }
}

/** Stretches of a file, each behind the one before: gzip is decompressed once for all of them, not from the beginning for each. */
export class Forward {
  readonly file: InputFile;
  #chunks: AsyncGenerator<Buffer> | undefined;
  #at = 0;
  #rest: Buffer = Buffer.alloc(0);

  constructor(file: InputFile) {
    this.file = file;
  }

  /** As bytesBetween(). */
  async *between(from: number, to: number): AsyncGenerator<Buffer> {
    if (!this.file.gzip) return yield* bytesBetween(this.file, from, to);
    this.#chunks ??= readFrom(this.file);
    while (this.#at < to) {
      if (this.#rest.length === 0) {
        const next = await this.#chunks.next();
        if (next.done === true) return;
        this.#rest = next.value;
      }
      const first = Math.min(this.#rest.length, Math.max(0, from - this.#at));
      const part = this.#rest.subarray(first, Math.max(first, to - this.#at));
      this.#at += first + part.length;
      this.#rest = this.#rest.subarray(first + part.length);
      if (part.length > 0) yield part;
    }
  }

  async close(): Promise<void> {
    await this.#chunks?.return(undefined);
  }
}
