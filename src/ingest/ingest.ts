import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { AuditError } from '../errors.ts';
import { createMac, type Mac } from '../keys/hash.ts';
import type { SourceRange } from '../log/segment.ts';
import { createNormalizer, type Normalizer, type RejectReason } from '../normalize/normalize.ts';
import { canonicalLine } from '../record/canonical.ts';
import { JsonError, parseJson } from '../record/json.ts';
import { sealLeftovers } from '../seal/seal.ts';
import { readHistory } from '../store/history.ts';
import { type RecordKey, readLogKey, readRecordKey } from '../store/keys.ts';
import { openFile, openFolder } from '../store/layout.ts';
import { type Lock, takeLock } from '../store/lock.ts';
import { walkFrames } from '../store/open.ts';
import type { Store } from '../store/store.ts';
import {
  bytesBetween,
  findResume,
  gunzipped,
  identitiesOf,
  inspectFile,
  type InputFile,
  isGzip,
} from './file.ts';
import { Framer, type RawLine } from './framer.ts';
import { rejectSealer, type SealReject } from './reject.ts';
import { Session } from './session.ts';
import type { Writing } from './writer.ts';

export type Input =
  | { readonly kind: 'file'; readonly path: string; readonly name: string }
  | { readonly kind: 'pipe'; readonly stream: Readable; readonly name: string };

export interface IngestOptions {
  readonly format?: string;
  readonly maxLine: number;
  readonly sealRecords: number;
  readonly sealEveryMs: number;
  readonly heartbeatMs: number;
  readonly lockWaitMs: number;
  /** Stops reading; what was read is sealed. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
}

/** Counts of lines: read = those that became records + rejected + skipped. */
export interface Progress {
  readonly read: number;
  readonly records: number;
  readonly rejected: number;
  readonly skipped: number;
  /** Lines that are on disk for good. */
  readonly acknowledged: number;
  readonly segments: number;
}

export interface Summary extends Progress {
  readonly reasons: Readonly<Partial<Record<RejectReason, number>>>;
  /** Sealed now, left by writers that had died. */
  readonly recovered: number;
  readonly notes: readonly Note[];
  readonly failed: readonly { readonly source: string; readonly error: AuditError }[];
  readonly stopped: boolean;
}

/** What a person should know and nothing has to be done about. */
export interface Note {
  readonly code: 'left_unterminated' | 'nothing_new' | 'same_first_line' | 'other_host' | 'unreadable_open';
  readonly source: string;
  /** Bytes left for the next run, or bytes that were in the log already. */
  readonly bytes?: number;
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
    await session.end();
  } finally {
    run.releaseClaims();
  }
  return run.summary();
}

class Run {
  readonly session: Session;
  readonly #store: Store;
  readonly #key: RecordKey;
  readonly #options: IngestOptions;
  readonly #mac: Mac;
  readonly #sealReject: SealReject;
  readonly #claims = new Map<string, Lock>();
  readonly #reasons: Partial<Record<RejectReason, number>> = {};
  readonly #notes: Note[] = [];
  readonly #failed: { source: string; error: AuditError }[] = [];
  readonly #kept: string[] = [];
  #recovered = 0;
  #read = 0;
  #records = 0;
  #rejected = 0;
  #skipped = 0;

  constructor(store: Store, key: RecordKey, options: IngestOptions) {
    this.#store = store;
    this.#key = key;
    this.#options = options;
    this.#mac = createMac(key.key);
    this.#sealReject = rejectSealer(key.key);
    this.session = new Session(store, key.key, options, () => options.onProgress?.(this.#progress()));
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
      if (this.#kept.includes(batch)) continue;
      this.#kept.push(batch);
      this.#notes.push({
        code: why === 'other_host' ? 'other_host' : 'unreadable_open',
        source: openFile(this.#store.at, batch, 'open'),
      });
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
        ['INPUT_UNREADABLE', 'INPUT_CUT', 'LOCKED', 'OPEN_ELSEWHERE'].includes(error.code);
      if (!local) throw error;
      this.#failed.push({ source: input.name, error });
    }
  }

  async #readPipe(stream: Readable, name: string): Promise<void> {
    const source: Writing = { name, stream: randomBytes(16).toString('hex'), kind: 'pipe', at: 0 };
    const stop = (): void => void stream.destroy();
    this.#options.signal?.addEventListener('abort', stop);
    this.session.startClock();
    try {
      await this.#readLines(source, unzipped(stream, name), 0);
    } finally {
      this.session.stopClock();
      this.#options.signal?.removeEventListener('abort', stop);
    }
  }

  async #readFile(path: string, name: string): Promise<void> {
    const file = inspectFile(path);
    const identities = await identitiesOf(file, this.#key.key, this.#options.maxLine);
    if (!identities) return;
    await this.#claim(identities(0), name);
    await this.takeOver();
    const ranges = rangesOf(this.#store);
    const resume = await findResume(file, this.#key.key, identities, id => ranges.get(id) ?? []);
    this.#refuseOpenElsewhere(resume.identity, name);
    if (resume.variant > 0 && resume.from === 0) this.#notes.push({ code: 'same_first_line', source: name });
    const source: Writing = { name, stream: resume.identity, kind: 'file', at: resume.from };
    const before = this.#read;
    await this.#readLines(source, bytesBetween(file, resume.from, Infinity), resume.lines, {
      file,
      unterminated: resume.unterminated,
    });
    if (this.#read === before && resume.from > 0)
      this.#notes.push({ code: 'nothing_new', source: name, bytes: resume.from });
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

  releaseClaims(): void {
    for (const lock of this.#claims.values()) lock.release();
  }

  /** Lines of this file may lie in an open segment that only `seal --take` may seal. */
  #refuseOpenElsewhere(identity: string, name: string): void {
    for (const batch of this.#kept) {
      let found = false;
      walkFrames(openFile(this.#store.at, batch, 'open'), frame => {
        if (frame.kind === 'source' && frame.about.stream === identity) found = true;
      });
      if (!found) continue;
      throw new AuditError(
        'OPEN_ELSEWHERE',
        `lines of ${name} lie in an open segment of another host or container`,
        {
          hint: 'if that one is surely gone, run `slmaudit seal --take`, then this again',
        },
      );
    }
  }

  async #readLines(
    source: Writing,
    bytes: AsyncIterable<Buffer>,
    linesBefore: number,
    at: { readonly file?: InputFile; readonly unterminated?: boolean } = {},
  ): Promise<void> {
    const { session } = this;
    const normalizer = createNormalizer({
      mac: this.#mac,
      hashAlg: `hmac-sha256:${this.#key.id}:c1`,
      sourceId: source.name,
      stream: source.stream,
      ...(this.#options.format !== undefined && { format: this.#options.format }),
    });
    const framer = new Framer(this.#options.maxLine, source.at);
    let number = linesBefore;
    // The line feed of a line that was read before it had one is no line of its own.
    let tail = at.unterminated === true;
    try {
      for await (const chunk of bytes) {
        for (const line of framer.push(chunk)) {
          if (!(tail && line.length <= 1 && line.raw.toString('latin1').trim() === '')) number++;
          tail = false;
          const hashing = this.#line(source, normalizer, line, number, at.file);
          if (hashing) await hashing;
          if (session.isBehind) await session.keepUp();
        }
        session.check();
        if (this.stopped) break;
      }
    } catch (error) {
      // A pipe that is torn down for a signal ends there; a file's rest is read the next time.
      if (!this.stopped) throw error;
    }
    const rest = framer.end();
    if (rest) await this.#lastLine(source, normalizer, rest, number + 1, at.file);
  }

  /** An unterminated last line counts if it is whole JSON; else a file's is left, a pipe's has no other time. */
  async #lastLine(
    source: Writing,
    normalizer: Normalizer,
    line: RawLine,
    number: number,
    file?: InputFile,
  ): Promise<void> {
    const whole = line.fault === 'unterminated' && isWholeJson(line.raw);
    if (source.kind === 'file' && (this.stopped || (!whole && file?.gzip !== true))) {
      this.#notes.push({ code: 'left_unterminated', source: source.name, bytes: line.length });
      return;
    }
    if (!whole) return this.#line(source, normalizer, line, number, file);
    const { fault: _, ...terminated } = line;
    return this.#line(source, normalizer, terminated, number, file);
  }

  /** A promise only for a line that was too long to be held and has to be read again for its file's digest. */
  #line(
    source: Writing,
    normalizer: Normalizer,
    line: RawLine,
    number: number,
    file?: InputFile,
  ): Promise<void> | undefined {
    const { writer } = this.session;
    const outcome = line.fault
      ? { reject: line.fault }
      : normalizer.line(withoutReturn(line.raw), line.start);
    this.#read++;
    if ('records' in outcome) {
      for (const record of outcome.records) writer.record(source, canonicalLine(record), record.ts, line.end);
      this.#records += outcome.records.length;
    } else if ('reject' in outcome) {
      const { start: offset, length } = line;
      const reject = { reason: outcome.reject, source: source.name, line: number, offset, length };
      writer.reject(source, this.#sealReject(reject, line.raw), line.end);
      this.#rejected++;
      this.#reasons[outcome.reject] = (this.#reasons[outcome.reject] ?? 0) + 1;
    } else this.#skipped++;
    const skipped = 'skip' in outcome;
    if (file && line.fault === 'too_long') {
      const bytes = bytesBetween(file, line.start, line.end);
      return writer.hashBytes(source, bytes).then(() => writer.lineDone(source, line.end, skipped));
    }
    writer.hashLine(source, line.raw, line.end - line.start > line.raw.length);
    writer.lineDone(source, line.end, skipped);
    return undefined;
  }

  #progress(): Progress {
    const { writer, segments } = this.session;
    return {
      read: this.#read,
      records: this.#records,
      rejected: this.#rejected,
      skipped: this.#skipped,
      acknowledged: writer.acknowledged,
      segments,
    };
  }

  summary(): Summary {
    return {
      ...this.#progress(),
      reasons: this.#reasons,
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

/** A pipe's bytes, gunzipped where they begin like gzip. */
async function* unzipped(stream: Readable, name: string): AsyncGenerator<Buffer> {
  const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let head: Buffer = Buffer.alloc(0);
  while (head.length < 2) {
    const next = await chunks.next();
    if (next.done === true) break;
    head = Buffer.concat([head, next.value]);
  }
  const whole = concatenated(head, chunks);
  yield* isGzip(head) ? gunzipped(Readable.from(whole), name) : whole;
}

async function* concatenated(head: Buffer, chunks: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  if (head.length > 0) yield head;
  for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) yield next.value;
}

const withoutReturn = (raw: Buffer): Buffer => (raw.at(-1) === 13 ? raw.subarray(0, -1) : raw);

function isWholeJson(raw: Buffer): boolean {
  try {
    parseJson(raw.toString('utf8').replace(/^\ufeff/, ''));
    return true;
  } catch (error) {
    return error instanceof JsonError && error.reason !== 'not_json';
  }
}
