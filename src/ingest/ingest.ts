import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { AuditError } from '../errors.ts';
import type { SourceRange } from '../log/segment.ts';
import { sealLeftovers } from '../seal/seal.ts';
import { readHistory } from '../store/history.ts';
import { type RecordKey, readLogKey, readRecordKey } from '../store/keys.ts';
import { openFile, openFolder } from '../store/layout.ts';
import { type Lock, takeLock } from '../store/lock.ts';
import { walkFrames } from '../store/open.ts';
import type { Store } from '../store/store.ts';
import { bytesBetween, findResume, firstBytes, identitiesOf, inspectFile } from './file.ts';
import { type Choosing, mannerOf } from './choose.ts';
import { Intake } from './intake.ts';
import { unzipped } from './pipe.ts';
import { hasEnoughLines, headOf, SAMPLE_BYTES, sampleOf } from './sample.ts';
import { Session } from './session.ts';
import type { Note, Progress, Summary, Told } from './summary.ts';
import type { Writing } from './writer.ts';

export type Input =
  | { readonly kind: 'file'; readonly path: string; readonly name: string }
  | { readonly kind: 'pipe'; readonly stream: Readable; readonly name: string };

export interface IngestOptions extends Choosing {
  readonly maxLine: number;
  readonly sealRecords: number;
  readonly sealEveryMs: number;
  readonly heartbeatMs: number;
  readonly lockWaitMs: number;
  /** Stops reading; what was read is sealed. */
  readonly signal?: AbortSignal;
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
  const run = new Run(store, readRecordKey(store.keys), options);
  await run.takeOver();
  const session = run.session;
  try {
    for (const input of inputs) {
      if (run.stopped) break;
      await run.read(input);
    }
    await run.rest();
    await session.end();
  } finally {
    await run.close();
  }
  return run.summary();
}

class Run {
  readonly session: Session;
  readonly #store: Store;
  readonly #key: RecordKey;
  readonly #options: IngestOptions;
  readonly #intake: Intake;
  #sources = 0;
  readonly #claims = new Map<string, Lock>();
  readonly #notes: Note[] = [];
  readonly #sourcesTold: Told[] = [];
  readonly #failed: { source: string; error: AuditError }[] = [];
  /** Open segments that were left alone, by batch: where they lie. */
  readonly #kept = new Map<string, string>();
  #recovered = 0;

  constructor(store: Store, key: RecordKey, options: IngestOptions) {
    this.#store = store;
    this.#key = key;
    this.#options = options;
    this.session = new Session(store, key.key, options, () => options.onProgress?.(this.#progress()));
    const { maxLine, signal, zone } = options;
    this.#intake = new Intake(this.session, {
      key,
      maxLine,
      times: { now: Date.now() * 1000, ...(zone !== undefined && { zone }) },
      leave: (source, bytes, code) => void this.#notes.push({ code, source: source.name, bytes }),
      ...(signal && { signal }),
    });
  }

  get stopped(): boolean {
    return this.#options.signal?.aborted === true;
  }

  /** Seals what dead writers left, so that what follows is known to be behind it. */
  async takeOver(): Promise<void> {
    const { sealed, kept } = await sealLeftovers(this.#store, {
      lockWaitMs: this.#options.lockWaitMs,
      take: false,
    });
    this.#recovered += sealed.reduce((sum, s) => sum + s.records, 0);
    for (const { batch, why } of kept) {
      if (this.#kept.has(batch)) continue;
      const path = openFile(this.#store.at, batch, why === 'unsealable' ? 'taken' : 'open');
      this.#kept.set(batch, path);
      this.#notes.push({ code: why === 'other_host' ? 'other_host' : 'unreadable_open', source: path });
    }
  }

  async read(input: Input): Promise<void> {
    try {
      await (input.kind === 'file'
        ? this.#readFile(input.path, input.name)
        : this.#readPipe(input.stream, input.name));
    } catch (error) {
      const local =
        error instanceof AuditError &&
        ['INPUT_UNREADABLE', 'INPUT_CUT', 'LOCKED', 'OPEN_ELSEWHERE', 'MIXED_FORMATS'].includes(error.code);
      if (!local) throw error;
      this.#failed.push({ source: input.name, error });
    }
  }

  async #readPipe(stream: Readable, name: string): Promise<void> {
    const source: Writing = {
      name,
      stream: randomBytes(16).toString('hex'),
      kind: 'pipe',
      ordinal: this.#sources++,
      at: 0,
    };
    const stop = (): void => void stream.destroy();
    this.#options.signal?.addEventListener('abort', stop);
    this.session.startClock();
    try {
      const { head, ended, whole } = await headOf(unzipped(stream, name), hasEnoughLines);
      const sample = sampleOf(head, ended, this.#options.maxLine);
      const { manner, told } = mannerOf(sample, this.#options, source);
      await this.#intake.read(source, this.#announced(whole, told), { ...manner, lines: 0 });
    } finally {
      this.session.stopClock();
      this.#options.signal?.removeEventListener('abort', stop);
    }
  }

  async #readFile(path: string, name: string): Promise<void> {
    const file = inspectFile(path);
    if (!file) return this.#readPipe(createReadStream(path), name);
    const identities = await identitiesOf(file, this.#key.key);
    if (!identities) return undefined;
    await this.#claim(identities(0), name);
    await this.takeOver();
    const ranges = rangesOf(this.#store);
    const resume = await findResume(file, this.#key.key, identities, id => ranges.get(id) ?? []);
    this.#refuseOpenElsewhere(resume.identity, name);
    if (resume.variant > 0 && resume.from === 0) this.#notes.push({ code: 'same_first_line', source: name });
    const source: Writing = {
      name,
      stream: resume.identity,
      kind: 'file',
      ordinal: this.#sources++,
      at: resume.from,
    };
    const { head, ended } = await firstBytes(file, SAMPLE_BYTES);
    const { manner, told } = mannerOf(sampleOf(head, ended, this.#options.maxLine), this.#options, source);
    const before = this.#intake.lines;
    const { lines, unterminated } = resume;
    const bytes = this.#announced(bytesBetween(file, resume.from, Infinity), told);
    await this.#intake.read(source, bytes, { ...manner, lines, unterminated, file });
    const nothing = this.#intake.lines === before && resume.from > 0;
    if (nothing) this.#notes.push({ code: 'nothing_new', source: name, bytes: resume.from });
    return undefined;
  }

  /** Bytes of a source, and word of how they are read before the first of them. */
  async *#announced(bytes: AsyncIterable<Buffer>, told: Told): AsyncGenerator<Buffer> {
    let first = true;
    for await (const chunk of bytes) {
      if (first) {
        this.#sourcesTold.push(told);
        this.#options.onSource?.(told);
      }
      first = false;
      yield chunk;
    }
  }

  /** Held until the file's lines are committed: two ingests of one file would hold its lines twice. */
  async #claim(identity: string, name: string): Promise<void> {
    if (this.#claims.has(identity)) {
      await this.session.flush();
      return;
    }
    const path = `${openFolder(this.#store.at)}/${identity}.claim`;
    this.#claims.set(identity, await takeLock(path, 0, name));
  }

  /** Reading is over: what it took is free for sealing. */
  rest(): Promise<void> {
    return this.#intake.close();
  }

  async close(): Promise<void> {
    await this.rest();
    for (const lock of this.#claims.values()) lock.release();
  }

  /** Lines of this file may lie in a segment that is sealed later: read now too, they would be in the log twice. */
  #refuseOpenElsewhere(identity: string, name: string): void {
    for (const path of this.#kept.values()) {
      let found = false;
      walkFrames(path, frame => {
        if (frame.kind === 'source' && frame.about.stream === identity) found = true;
      });
      if (!found) continue;
      throw new AuditError(
        'OPEN_ELSEWHERE',
        `lines of ${name} lie in an open segment that was left alone: ${path}`,
        {
          hint: 'run `slmaudit seal`, which says why; with --take if its writer was on another host that is surely gone',
        },
      );
    }
  }

  #progress(): Progress {
    const { lines: read, records, rejected, skipped } = this.#intake;
    const { writer, segments } = this.session;
    return { read, records, rejected, skipped, acknowledged: writer.acknowledged, segments };
  }

  summary(): Summary {
    return {
      ...this.#progress(),
      reasons: this.#intake.reasons,
      sources: this.#sourcesTold,
      recovered: this.#recovered,
      notes: this.#notes,
      failed: this.#failed,
      stopped: this.stopped,
    };
  }
}

/** Ranges of every file in the log, by identity, in their order. */
function rangesOf(store: Store): Map<string, SourceRange[]> {
  const ranges = new Map<string, SourceRange[]>();
  for (const { sources } of readHistory(store.at).segments) {
    for (const range of sources) {
      const known = ranges.get(range.identity);
      if (known) known.push(range);
      else ranges.set(range.identity, [range]);
    }
  }
  return ranges;
}
