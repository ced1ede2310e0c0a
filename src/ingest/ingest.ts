import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { AuditError } from '../errors.ts';
import { shellWord } from '../record/shell.ts';
import { skippedOf } from '../log/tally.ts';
import { type RecordKey, readLogKey, readRecordKeys } from '../store/keys.ts';
import type { Store } from '../store/store.ts';
import { type Choosing, mannerOf } from './choose.ts';
import { bytesBetween, firstBytes, type InputFile, inspectFile } from './file.ts';
import { Intake } from './intake.ts';
import { unzipped } from './pipe.ts';
import { hasEnoughLines, headOf, type Sample, SAMPLE_BYTES, sampleOf } from './sample.ts';
import { Session } from './session.ts';
import { predecessorOf, unreadSiblings } from './siblings.ts';
import { type Claimed, Sources } from './sources.ts';
import type { Note, Progress, Summary, Told } from './summary.ts';
import { Tail } from './tail.ts';

export type Input =
  | { readonly kind: 'file'; readonly path: string; readonly name: string }
  | { readonly kind: 'pipe'; readonly stream: Readable; readonly name: string };

export interface IngestOptions extends Choosing {
  readonly maxLine: number;
  /** Users and addresses as keyed hashes. */
  readonly hashIdentities: boolean;
  /** What else is taken for a secret: names of OPTIONAL_RULES. */
  readonly remove: readonly string[];
  readonly sealRecords: number;
  readonly sealEveryMs: number;
  readonly heartbeatMs: number;
  readonly lockWaitMs: number;
  /** Folder outside the store in which this host remembers what logs hold; it need not be there. */
  readonly known?: string;
  /** Go on with files as they grow, are rotated or cut, until the run is stopped. */
  readonly follow: boolean;
  /** Stops reading; what was read is sealed. */
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
  /** Told of each source how it is read, before its first line is. */
  readonly onSource?: (told: Told) => void;
}

/** Reads every input to its end into the store. Throws what stops the whole run; a bad file is in `failed`. */
export async function ingest(
  store: Store,
  inputs: readonly Input[],
  options: IngestOptions,
): Promise<Summary> {
  readLogKey(store.keys);
  const run = new Run(store, readRecordKeys(store.keys), options);
  try {
    await run.readAll(inputs);
  } finally {
    await run.close();
  }
  return run.summary();
}

class Run {
  readonly #session: Session;
  /** The present one first. */
  readonly #keys: readonly RecordKey[];
  readonly #options: IngestOptions;
  readonly #intake: Intake;
  readonly #sources: Sources;
  readonly #notes: Note[] = [];
  readonly #told: Told[] = [];
  readonly #failed: { source: string; error: AuditError }[] = [];
  /** Since when the store knows a source, by name. */
  readonly #followed = new Map<string, number>();
  /** Files that are being followed, as `device:inode`. */
  readonly #open = new Set<string>();
  /** Files that have the name of another one that was read before. */
  readonly #successors: { readonly path: string; readonly name: string; readonly identity: string }[] = [];
  /** One that fails for good stops the others. */
  readonly #failing = new AbortController();
  readonly #signal: AbortSignal;

  constructor(store: Store, keys: readonly RecordKey[], options: IngestOptions) {
    this.#keys = keys;
    this.#options = options;
    const { maxLine, zone, lockWaitMs, hashIdentities, remove } = options;
    this.#signal = AbortSignal.any([options.signal, this.#failing.signal]);
    this.#session = new Session(store, options, () => options.onProgress?.(this.#progress()));
    const note = (n: Note): void => void this.#notes.push(n);
    const flush = (): Promise<void> => this.#session.flush();
    this.#sources = new Sources(store, keys, {
      lockWaitMs,
      known: options.known,
      note,
      flush,
      signal: this.#signal,
    });
    this.#intake = new Intake(this.#session, {
      key: keys[0]!,
      maxLine,
      hashIdentities,
      remove,
      signal: this.#signal,
      times: { now: Date.now() * 1000, ...(zone !== undefined && { zone }) },
      leave: (source, bytes, code) => note({ code, source: source.name, bytes }),
    });
  }

  get #stopped(): boolean {
    return this.#signal.aborted;
  }

  async readAll(inputs: readonly Input[]): Promise<void> {
    if (this.#options.follow)
      for (const { name } of inputs) this.#followed.set(name, this.#sources.followedSince(name));
    await this.#sources.takeOver();
    if (this.#options.follow) {
      this.#session.startClock();
      await Promise.all(inputs.map(input => this.#read(input)));
      this.#session.stopClock();
    } else {
      for (const input of inputs) {
        if (this.#stopped) break;
        await this.#read(input);
      }
    }
    // Reading is over: what its threads took is free for sealing.
    await this.#intake.close();
    await this.#session.end();
    for (const { path, name, identity } of this.#successors)
      await this.#notePredecessor(path, name, identity);
  }

  /** Was all of the file read that had this name before? */
  async #notePredecessor(path: string, name: string, identity: string): Promise<void> {
    const before = await predecessorOf(path, identity, this.#keys);
    const read = this.#sources.held().rangesOf(identity).at(-1)!.to;
    if (before.state === 'gone') this.#notes.push({ code: 'replaced', source: name, bytes: read });
    else if (before.size > read)
      this.#notes.push({
        code: 'rotated_unread',
        source: name,
        bytes: before.size - read,
        path: before.path,
      });
  }

  async close(): Promise<void> {
    this.#session.close();
    await this.#intake.close();
    this.#sources.close();
  }

  async #read(input: Input): Promise<void> {
    try {
      if (input.kind === 'pipe') await this.#readPipe(input.stream, input.name);
      else if (this.#options.follow) await this.#follow(input.path, input.name);
      else await this.#readFile(input.path, input.name);
    } catch (error) {
      const local =
        error instanceof AuditError &&
        ['INPUT_UNREADABLE', 'INPUT_CUT', 'LOCKED', 'OPEN_ELSEWHERE', 'MIXED_FORMATS'].includes(error.code);
      if (!local) {
        this.#failing.abort();
        throw error;
      }
      this.#failed.push({ source: input.name, error });
    }
  }

  async #readPipe(stream: Readable, name: string): Promise<void> {
    const source = this.#sources.pipe(name);
    const stop = (): void => void stream.destroy();
    this.#signal.addEventListener('abort', stop);
    this.#session.startClock();
    try {
      const { head, ended, whole } = await headOf(unzipped(stream, name), hasEnoughLines);
      const sample = sampleOf(head, ended, this.#options.maxLine);
      const { manner, told } = mannerOf(sample, this.#options, source);
      await this.#intake.read(source, this.#announced(whole, told), { ...manner, lines: 0, growing: true });
    } finally {
      if (!this.#options.follow) this.#session.stopClock();
      this.#signal.removeEventListener('abort', stop);
    }
  }

  async #readFile(path: string, name: string): Promise<void> {
    const file = inspectFile(path);
    if (!file) return this.#readPipe(createReadStream(path), name);
    const claimed = await this.#sources.file(file, name);
    if (!claimed) return undefined;
    const { from, identity } = claimed.resume;
    const last = from === 0 ? this.#sources.held().lastOf(name) : undefined;
    if (last !== undefined && last !== identity) this.#successors.push({ path, name, identity: last });
    const before = this.#intake.total.read;
    await this.#readClaimed(file, claimed, bytesBetween(file, from, Infinity), false);
    if (this.#intake.total.read === before && from > 0)
      this.#notes.push({ code: 'nothing_new', source: name, bytes: from });
    return undefined;
  }

  /** `growing`: its first lines may be few; it is read like a pipe, which takes what comes. */
  async #readClaimed(
    file: InputFile,
    { source, resume, end }: Claimed,
    bytes: AsyncIterable<Buffer>,
    growing: boolean,
  ): Promise<void> {
    try {
      const { manner, told } = mannerOf(
        await this.#sample(file),
        this.#options,
        growing ? { ...source, kind: 'pipe' } : source,
      );
      const { lines, unterminated } = resume;
      const how = { ...manner, lines, unterminated, file, growing };
      await this.#intake.read(source, this.#announced(bytes, told), how);
    } finally {
      end();
    }
  }

  /** False for a file that is read already. */
  #take(file: string): boolean {
    if (this.#open.has(file)) return false;
    this.#open.add(file);
    return true;
  }

  async #sample(file: InputFile): Promise<Sample> {
    const { head, ended } = await firstBytes(file, SAMPLE_BYTES, hasEnoughLines);
    return sampleOf(head, ended, this.#options.maxLine);
  }

  /** Reads a file as it grows; where its path leads to another file, that one too. Ends when the run is stopped. */
  async #follow(path: string, name: string): Promise<void> {
    const regular = inspectFile(path, true);
    if (regular === undefined) return this.#readPipe(createReadStream(path), name);
    if (regular.gzip)
      throw new AuditError('INPUT_UNREADABLE', `${path} is a gzip file, which does not grow`, {
        hint: `run \`slmaudit ingest ${shellWord(path)}\` without --follow`,
      });
    const reading = new Set<Promise<void>>();
    // What was written between the last run and a rotation lies in a file of another name.
    await this.#readSiblings(path, name);
    try {
      while (!this.#stopped) {
        const tail = await Tail.open(path, {
          signal: this.#signal,
          onIdle: () => this.#session.check(),
          take: file => this.#take(file),
        });
        if (!tail) break;
        // Whatever was rotated away until this file was open, nobody else will look at.
        await this.#readSiblings(path, name);
        const one = this.#readTail(tail, name).finally(() => {
          this.#open.delete(tail.file);
          reading.delete(one);
        });
        reading.add(one);
        await Promise.race([tail.moved, one]);
        // A file that was cut ends first; one that was renamed is read on beside the new one.
        if (tail.truncated) await one;
      }
    } finally {
      await Promise.all(reading);
    }
    return undefined;
  }

  async #readTail(tail: Tail, name: string): Promise<void> {
    try {
      const file = { path: tail.path, gzip: false, fd: tail.fd };
      const claimed = await this.#sources.file(file, name);
      if (!claimed) return;
      await this.#readClaimed(file, claimed, tail.bytes(claimed.resume.from), true);
      if (!this.#stopped) await this.#session.flush();
      claimed.release();
    } finally {
      tail.close();
    }
  }

  async #readSiblings(path: string, name: string): Promise<void> {
    const siblings = await unreadSiblings(path, {
      keys: this.#keys,
      rangesOf: identity => this.#sources.held().rangesOf(identity),
      isOpen: file => this.#open.has(file),
      since: this.#followed.get(name) ?? 0,
    });
    for (const sibling of siblings) {
      const file = inspectFile(sibling);
      const claimed = file && (await this.#sources.file(file, name));
      if (!file || !claimed) continue;
      await this.#readClaimed(file, claimed, bytesBetween(file, claimed.resume.from, Infinity), true);
      await this.#session.flush();
      claimed.release();
    }
  }

  /** Bytes of a source, and word of how they are read before the first of them. */
  async *#announced(bytes: AsyncIterable<Buffer>, told: Told): AsyncGenerator<Buffer> {
    let first = true;
    for await (const chunk of bytes) {
      if (first) {
        this.#told.push(told);
        this.#options.onSource?.(told);
      }
      first = false;
      yield chunk;
    }
  }

  #progress(): Progress {
    const { total } = this.#intake;
    const { writer, segments } = this.#session;
    const { read, records, rejected } = total;
    const skipped = skippedOf(total);
    return { read, records, rejected, skipped, acknowledged: writer.acknowledged, segments };
  }

  summary(): Summary {
    return {
      ...this.#progress(),
      reasons: this.#intake.reasons,
      removed: this.#intake.removed,
      lines: [...this.#intake.tallies].map(([source, tally]) => ({ source, ...tally })),
      sources: this.#told,
      recovered: this.#sources.recovered,
      notes: this.#notes,
      failed: this.#failed,
      stopped: this.#options.signal.aborted,
    };
  }
}
