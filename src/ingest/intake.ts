import { type RecordKey } from '../store/keys.ts';
import { OPEN_SPAN } from '../normalize/memory.ts';
import type { RejectReason } from '../normalize/normalize.ts';
import { addTally, emptyTally, type Tally } from '../log/tally.ts';
import { addRemoved, type Removed } from '../normalize/secrets.ts';
import { JsonError, parseJson } from '../record/json.ts';
import type { FormatChoice } from '../normalize/formats.ts';
import type { TimeReading } from '../record/time.ts';
import { createDigester, type Digested, type Digester, type DigestOptions, FATES, LINE } from './digest.ts';
import { DocumentFramer } from './document.ts';
import { bytesBetween, Forward, type InputFile } from './file.ts';
import { Framer, type OddLine } from './framer.ts';
import { Pool } from './pool.ts';
import type { Session } from './session.ts';
import type { Writing } from './writer.ts';

export interface IntakeOptions {
  readonly key: RecordKey;
  readonly times: TimeReading;
  readonly maxLine: number;
  readonly hashIdentities: boolean;
  readonly remove: readonly string[];
  readonly signal?: AbortSignal;
  /** Told of a file's last line that is not finished. */
  readonly leave: (source: Writing, bytes: number, code: 'interrupted' | 'left_unterminated') => void;
}

/** How a source is read. */
export interface Manner {
  /** Told from each line if not given. */
  readonly format?: FormatChoice;
  /** One list, or objects over several lines. */
  readonly document: boolean;
  /** No line depends on those before it: blocks may be digested on any thread. */
  readonly scattered: boolean;
  /** Lines before the first that is read. */
  readonly lines: number;
  readonly file?: InputFile;
  /** More may come at any time, or never. */
  readonly growing?: boolean;
  /** The byte before the first that is read is no line feed. */
  readonly unterminated?: boolean;
}

/** A pipe that is quiet so long: what could be followed by more is not. */
const QUIET_MS = 2000;

/** Takes the bytes of one source after the other to the writer, and counts what became of their lines. */
export class Intake {
  readonly reasons: Partial<Record<RejectReason, number>> = {};
  /** Secrets that were taken out, by rule. */
  readonly removed: Removed = {};
  /** What became of each source's lines, and of all. */
  readonly tallies: Map<string, Record<keyof Tally, number>> = new Map();
  readonly total: Record<keyof Tally, number> = emptyTally();
  readonly #session: Session;
  readonly #options: IntakeOptions;
  readonly #pool = new Pool();
  readonly #turns: Promise<void>[] = [];
  #applied: Promise<void> = Promise.resolve();

  constructor(session: Session, options: IntakeOptions) {
    this.#session = session;
    this.#options = options;
  }

  get #stopped(): boolean {
    return this.#options.signal?.aborted === true;
  }

  /** Reading is over: its threads end, and what they took is free for sealing. */
  close(): Promise<void> {
    return this.#pool.close();
  }

  /** Reads a source to its end, or to where the run is stopped. */
  async read(source: Writing, bytes: AsyncIterable<Buffer>, manner: Manner): Promise<void> {
    const { file } = manner;
    const digestOptions = this.#digestOptions(source, manner);
    const digester = createDigester(digestOptions, () => this.#session.policy);
    const { maxLine } = this.#options;
    const framer = manner.document ? new DocumentFramer(maxLine, source.at) : new Framer(maxLine, source.at);
    const line = new LineCount(manner.lines, manner.unterminated === true);
    const quiet = this.#watchQuiet(source, digester, line, manner);
    const second = file && new Forward(file);
    try {
      let before = file && !manner.scattered ? file : undefined;
      for await (const chunk of bytes) {
        quiet.stop();
        if (before) await this.#again(source, digester, before, manner);
        before = undefined;
        for (const piece of framer.push(chunk)) {
          if (piece.kind === 'lines') {
            const { start, values } = piece;
            const block = {
              bytes: piece.bytes,
              start,
              line: line.next(piece.bytes),
              ...(values && { values }),
            };
            await this.#queue(
              source,
              manner.scattered
                ? this.#pool.digest(digestOptions, digester, this.#session.policy, block)
                : digester.lines(block),
            );
          } else await this.#odd(source, digester, piece, line.next(piece.bytes), second);
        }
        this.#session.check();
        if (this.#stopped) break;
        quiet.start();
      }
    } catch (error) {
      // A pipe that is torn down for a signal ends there; a file's rest is read the next time.
      if (!this.#stopped) throw error;
    } finally {
      quiet.stop();
      await this.#applied;
    }
    if (this.#stopped && source.kind === 'file') this.#options.leave(source, source.at, 'interrupted');
    else {
      const rest = framer.end();
      if (rest) await this.#lastLine(source, digester, rest, line.next(rest.bytes), second);
    }
    await second?.close();
    await this.#apply(source, digester.rest(source.at, line.last, 'all'));
  }

  /** What earlier runs read may be the beginning of what comes now. */
  async #again(source: Writing, digester: Digester, file: InputFile, { document }: Manner): Promise<void> {
    const from = Math.max(0, source.at - OPEN_SPAN);
    const { maxLine } = this.#options;
    const framer = document ? new DocumentFramer(maxLine, from) : new Framer(maxLine, from);
    let first = from > 0;
    for await (const chunk of bytesBetween(file, from, source.at)) {
      for (const piece of framer.push(chunk)) {
        if (piece.kind !== 'lines') continue;
        const { bytes, start, values } = piece;
        // The first line may have been cut by where we began.
        const cut = first && !values ? bytes.indexOf(10) + 1 : 0;
        first = false;
        digester.again({
          bytes: bytes.subarray(cut),
          start: start + cut,
          line: 0,
          ...(values && { values }),
        });
      }
    }
  }

  /** Of a pipe that has gone quiet, what could do without more is told of. */
  #watchQuiet(source: Writing, digester: Digester, line: LineCount, { scattered, growing }: Manner): Quiet {
    let timer: NodeJS.Timeout | undefined;
    const stop = (): void => clearTimeout(timer);
    const start = (): void => {
      if (scattered || growing !== true) return;
      timer = setTimeout(() => {
        const rest = Promise.resolve().then(() => digester.rest(source.at, line.last, 'enough'));
        // Whoever waits for the last turn hears of it.
        this.#queue(source, rest).catch(() => undefined);
      }, QUIET_MS);
    };
    return { start, stop };
  }

  #digestOptions(source: Writing, { format, scattered }: Manner): DigestOptions {
    const { key, maxLine, times, hashIdentities, remove } = this.#options;
    return {
      recordKey: key.key,
      recordKeyId: key.id,
      name: source.name,
      stream: source.stream,
      ordinal: source.ordinal,
      maxLine,
      times,
      hashIdentities,
      remove,
      live: source.kind === 'pipe',
      scattered,
      ...(format !== undefined && { format }),
    };
  }

  /** Results are applied in the order of their lines; reading waits while more are on their way than threads. */
  async #queue(source: Writing, coming: Digested | Promise<Digested>): Promise<void> {
    if (!(coming instanceof Promise)) {
      await this.#applied;
      return this.#apply(source, coming);
    }
    const before = this.#applied;
    const turn = before.then(async () => {
      const digested = await coming;
      await this.#apply(source, digested);
      this.#pool.release(digested);
    });
    // Whoever waits for the last turn hears of it.
    turn.catch(() => undefined);
    coming.catch(() => undefined);
    this.#applied = turn;
    this.#turns.push(turn);
    if (this.#turns.length > this.#pool.depth) await this.#turns.shift();
    return undefined;
  }

  async #apply(source: Writing, digested: Digested, bytes = true): Promise<void> {
    const { kinds, counts, reasons, removed } = digested;
    addRemoved(this.removed, removed);
    for (let line = 0; line < kinds.length;) {
      line = this.#session.writer.append(source, digested, line, this.#session.room, bytes);
      if (this.#session.isBehind) await this.#session.keepUp();
    }
    const tally = emptyTally();
    for (const kind of kinds) {
      const fate = FATES[kind];
      if (kind !== LINE.more) tally.read++;
      if (fate) tally[fate]++;
    }
    for (const count of counts) tally.records += count;
    const known = this.tallies.get(source.name) ?? emptyTally();
    this.tallies.set(source.name, known);
    addTally(known, tally);
    addTally(this.total, tally);
    for (const [reason, count] of Object.entries(reasons) as [RejectReason, number][]) {
      this.reasons[reason] = (this.reasons[reason] ?? 0) + count;
    }
  }

  /** A line that is no whole line of a block. A file's too long one is read again for the digest of its range. */
  async #odd(
    source: Writing,
    digester: Digester,
    line: OddLine,
    number: number,
    second?: Forward,
    fault?: RejectReason,
  ): Promise<void> {
    await this.#applied;
    const { bytes, start, end, length } = line;
    const reason = line.kind === 'too_long' ? line.kind : fault;
    const again = second && line.kind === 'too_long';
    if (again) await this.#session.writer.hashBytes(source, second.between(start, end));
    await this.#apply(source, digester.odd({ bytes, start, line: number }, end, length, reason), !again);
  }

  /**
   * An unterminated last line counts if it is whole JSON; else a file's is left. A pipe's has no other time: text is
   * read if it can be.
   */
  async #lastLine(
    source: Writing,
    digester: Digester,
    line: OddLine,
    number: number,
    second?: Forward,
  ): Promise<void> {
    const whole = line.kind === 'unterminated' && isWholeJson(line.bytes);
    if (source.kind === 'file' && !whole && second?.file.gzip !== true) {
      this.#options.leave(source, line.length, 'left_unterminated');
      return;
    }
    await this.#odd(source, digester, line, number, second, whole ? undefined : 'unterminated');
  }
}

interface Quiet {
  start(): void;
  stop(): void;
}

/** Numbers lines as a person counts them. */
class LineCount {
  #lines: number;
  #tail: boolean;

  /** `tail`: the line feed of a line that was read before it had one is still to come, and no line of its own. */
  constructor(before: number, tail: boolean) {
    this.#lines = before;
    this.#tail = tail;
  }

  /** The number of the last line so far. */
  get last(): number {
    return this.#lines;
  }

  /** The number of the first of these lines. */
  next(bytes: Buffer): number {
    if (this.#tail && /^\r?\n/.test(bytes.toString('latin1', 0, 2))) this.#lines--;
    this.#tail = false;
    const first = this.#lines + 1;
    let feeds = 0;
    for (let lf = bytes.indexOf(10); lf >= 0; lf = bytes.indexOf(10, lf + 1)) feeds++;
    this.#lines += Math.max(1, feeds);
    return first;
  }
}

function isWholeJson(raw: Buffer): boolean {
  try {
    parseJson(raw.toString('utf8').replace(/^\ufeff/, ''));
    return true;
  } catch (error) {
    return error instanceof JsonError && error.reason !== 'not_json';
  }
}
