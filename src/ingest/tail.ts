import { closeSync, constants, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { isCode } from '../store/durable.ts';
import { IDENTIFIED, unreadable } from './file.ts';
import { fileKey } from './siblings.ts';

/** How often a file is looked at. */
const POLL_MS = 250;
/** A file that was renamed is read on until its writer has been quiet for so long: some reopen late. */
const LINGER_MS = 10_000;
const CHUNK = 1 << 20;
/** Bytes before where we are that are looked at again: a file that was cut and has grown since differs there. */
const BEHIND = 256;

export interface TailOptions {
  readonly signal: AbortSignal;
  /** Called whenever there is nothing to read. */
  readonly onIdle: () => void;
  /** Takes a file, as `device:inode`; false if it is being read under another name. */
  readonly take: (file: string) => boolean;
}

/** An open file that may still grow, be renamed, or be cut to nothing and begin anew. */
export class Tail {
  /** Resolves once the path leads to other content than this: another file, or this one cut. */
  readonly moved: Promise<void>;
  /** This file was cut, and what stood behind the last byte read is gone from it. */
  truncated = false;
  readonly path: string;
  readonly fd: number;
  /** This file, as `device:inode`. */
  readonly file: string;
  readonly #options: TailOptions;
  #move!: () => void;

  private constructor(path: string, fd: number, options: TailOptions) {
    this.path = path;
    this.fd = fd;
    this.file = fileKey(fstatSync(fd));
    this.#options = options;
    this.moved = new Promise(resolve => {
      this.#move = resolve;
    });
  }

  /**
   * Waits until there is a file with a whole first line that nobody reads yet; undefined if stopped before. Throws INPUT_UNREADABLE for
   * one that stays so: what rotates makes a file first, and gives it away then.
   */
  static async open(path: string, options: TailOptions): Promise<Tail | undefined> {
    let since = Infinity;
    for (; !options.signal.aborted; await pause(options)) {
      const fd = opened(path);
      since = fd instanceof Error ? Math.min(since, performance.now()) : Infinity;
      if (fd instanceof Error && performance.now() - since > LINGER_MS) throw unreadable(path, fd);
      if (fd === undefined || fd instanceof Error) continue;
      if (hasFirstLine(fd) && options.take(fileKey(fstatSync(fd)))) return new Tail(path, fd, options);
      closeSync(fd);
    }
    return undefined;
  }

  close(): void {
    closeSync(this.fd);
    this.#move();
  }

  /** What stands behind `from` and what comes, until the file is over or the run is stopped. */
  async *bytes(from: number): AsyncGenerator<Buffer> {
    let at = from;
    let behind = this.#read(Math.max(0, from - BEHIND), Math.min(from, BEHIND));
    let quietSince = performance.now();
    while (!this.#options.signal.aborted) {
      if (this.#wasCut(at, behind)) {
        this.truncated = true;
        this.#move();
        return;
      }
      const chunk = this.#read(at, CHUNK);
      if (chunk.length > 0) {
        at += chunk.length;
        behind = Buffer.concat([behind, chunk]).subarray(-BEHIND);
        quietSince = performance.now();
        yield chunk;
        continue;
      }
      if (this.#pathIs() === 'elsewhere') {
        this.#move();
        if (performance.now() - quietSince > LINGER_MS) return;
      }
      this.#options.onIdle();
      await pause(this.#options);
    }
  }

  #wasCut(at: number, behind: Buffer): boolean {
    if (fstatSync(this.fd).size < at) return true;
    return !this.#read(at - behind.length, behind.length).equals(behind);
  }

  #read(at: number, length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length);
    return bytes.subarray(0, readSync(this.fd, bytes, 0, length, at));
  }

  /** `nowhere`: renamed, and the new file is still to come. */
  #pathIs(): 'here' | 'elsewhere' | 'nowhere' {
    const there = statSync(this.path, { throwIfNoEntry: false });
    if (!there) return 'nowhere';
    const here = fstatSync(this.fd);
    return there.ino === here.ino && there.dev === here.dev ? 'here' : 'elsewhere';
  }
}

/** Undefined if there is nothing; why it can't be read, if that may pass. */
function opened(path: string): number | Error | undefined {
  try {
    const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    if (fstatSync(fd).isFile()) return fd;
    closeSync(fd);
    return new Error('it is no file');
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined;
    if (isCode(error, 'EACCES', 'EPERM')) return error as Error;
    throw error;
  }
}

/** A first line without an end names a file once there is enough of it. */
function hasFirstLine(fd: number): boolean {
  const head = Buffer.allocUnsafe(IDENTIFIED);
  const bytes = readSync(fd, head, 0, IDENTIFIED, 0);
  return bytes === IDENTIFIED || head.subarray(0, bytes).includes(10);
}

async function pause({ signal }: TailOptions): Promise<void> {
  try {
    await wait(POLL_MS, undefined, { signal });
  } catch {
    // Stopped: whoever waits looks at the signal.
  }
}
