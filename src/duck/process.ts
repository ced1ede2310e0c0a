import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { AuditError } from '../errors.ts';
import type {
  Answer,
  Asked,
  Cell,
  Checked,
  InquiryStatement,
  Plan,
  Progress,
  QueryJob,
  Reads,
  ResultColumn,
} from './job.ts';
import { NO_SINK } from './sink.ts';
import { tookTooLong } from './trouble.ts';

/** What takes a result, a batch at a time; the next one waits until it is done. */
export interface ResultSink {
  columns(columns: readonly ResultColumn[]): void | Promise<void>;
  /** False: enough. */
  rows(rows: readonly (readonly Cell[])[]): boolean | Promise<boolean>;
  /** All rows were there. */
  end(): void | Promise<void>;
}

/** What is told beside the result. */
export interface Heard {
  plan(plan: Plan, findings: readonly string[]): void;
  progress(progress: Progress): void;
  engine(version: string): void;
}

/**
 * A process for one query, with an empty environment and limits of the system on its memory and files. It is started before the
 * job is known: loading the engine takes longer than finding out what to ask.
 */
export class QueryProcess {
  readonly #child: ChildProcess;
  /** Why it is no more. */
  readonly #gone: Promise<Error>;

  /** `memory`: bound of the engine's buffers, bytes. */
  constructor(memory: number) {
    this.#child = start(memory);
    this.#gone = new Promise(resolve => {
      this.#child.on('error', resolve);
      this.#child.on('close', (code, name) => resolve(died(code, name)));
    });
  }

  stop(): void {
    this.#child.kill('SIGKILL');
  }

  /**
   * Runs the one job. Returns what it checked. Throws what failed there; QUERY_DIED where the process did, QUERY_STOPPED
   * where `signal` said so.
   */
  async run(
    job: QueryJob,
    sink: ResultSink,
    heard: Heard,
    signal: AbortSignal | undefined,
  ): Promise<readonly Checked[]> {
    try {
      return checkedOf(await this.#talk({ kind: 'job', job }, ['end'], { sink, heard, signal }));
    } finally {
      await this.#ended();
    }
  }

  /** Opens and checks what questions are to be asked of. Returns the digest of what the files were. Throws as run(). */
  async open(reads: Reads, heard: Heard, signal: AbortSignal | undefined): Promise<string> {
    const said = await this.#talk({ kind: 'inquiry', reads }, ['ready'], { sink: NO_SINK, heard, signal });
    return said?.kind === 'ready' ? said.identities : '';
  }

  /** Asks one of them, behind open(). What fails in the engine leaves the process as it is; `isGone` says of the others. */
  async ask(
    statement: InquiryStatement,
    sink: ResultSink,
    heard: Heard,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const late =
      statement.timeoutMs === undefined ? [] : [AbortSignal.timeout(statement.timeoutMs + GRACE_MS)];
    const stops = [...(signal ? [signal] : []), ...late];
    await this.#talk({ kind: 'ask', statement }, ['answered'], {
      sink,
      heard,
      signal: stops.length > 0 ? AbortSignal.any(stops) : undefined,
    });
  }

  /** Behind the last question: what was touched meanwhile is read once more. Returns what was checked. Throws as run(). */
  async close(heard: Heard, signal: AbortSignal | undefined): Promise<readonly Checked[]> {
    try {
      return checkedOf(await this.#talk({ kind: 'over' }, ['end'], { sink: NO_SINK, heard, signal }));
    } finally {
      await this.#ended();
    }
  }

  get isGone(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null || this.#child.killed;
  }

  /** The folder that it may be spilling to is removed next. */
  async #ended(): Promise<void> {
    this.stop();
    await this.#gone;
  }

  /** Says something, and hears until an answer of a kind in `last`; undefined: the sink has enough. */
  async #talk(
    message: Asked,
    last: readonly Answer['kind'][],
    { sink, heard, signal }: { sink: ResultSink; heard: Heard; signal: AbortSignal | undefined },
  ): Promise<Answer | undefined> {
    const child = this.#child;
    const say = (asked: Asked): void => void (child.connected && child.send(asked));
    let stop = (): void => undefined;
    let listen: (answer: Answer) => void = () => undefined;
    try {
      return await new Promise<Answer | undefined>((resolve, reject) => {
        const take = async (answer: Answer): Promise<void> => {
          switch (answer.kind) {
            case 'progress':
              return heard.progress(answer.progress);
            case 'plan':
              heard.plan(answer.plan, answer.findings);
              break;
            case 'columns':
              await sink.columns(answer.columns);
              break;
            case 'rows':
              if (!(await sink.rows(JSON.parse(answer.json) as Cell[][]))) return resolve(undefined);
              break;
            case 'ready':
            case 'answered':
              heard.engine(answer.engine);
              if (answer.kind === 'answered') await sink.end();
              break;
            case 'end':
              break;
            case 'failed': {
              const { code, message: text, hint, exit } = answer;
              throw new AuditError(code, text, { exit, ...(hint !== undefined && { hint }) });
            }
          }
          if (last.includes(answer.kind)) resolve(answer);
          else say({ kind: 'more' });
        };
        let why: Error | undefined;
        stop = () => {
          why = stopped(signal?.reason);
          this.stop();
        };
        void this.#gone.then(error => reject(why ?? error));
        if (signal?.aborted) return stop();
        signal?.addEventListener('abort', stop, { once: true });
        listen = answer => void take(answer).catch(reject);
        child.on('message', listen);
        say(message);
      });
    } finally {
      signal?.removeEventListener('abort', stop);
      child.off('message', listen);
    }
  }
}

const checkedOf = (said: Answer | undefined): readonly Checked[] =>
  said?.kind === 'end' ? said.checked : [];

/** An engine that is asked to stop does so between two batches; one that doesn't is stopped. */
const GRACE_MS = 5000;

/** Memory beside the engine's buffers: Node, the binding, and what the engine doesn't count. */
const BESIDE = 1 << 30;
const HEAP_MB = 1024;
/** Chunks of the engine go with the objects that stand for them: with V8's own 16 MB, 50 MB of them wait to be collected. */
const YOUNG_MB = 2;
/** No file of the process grows beyond. */
const MOST_FILE_BYTES = 64 * 2 ** 30;
const SHELL = '/bin/sh';

/**
 * Under limits that a shell sets: no core file, which would hold records; data (RLIMIT_DATA) and file sizes.
 * `ulimit -d` counts kB, `-f` blocks of 512 bytes.
 */
function start(memory: number): ChildProcess {
  const child = fileURLToPath(new URL('./child.js', import.meta.url));
  const node = [
    process.execPath,
    `--max-old-space-size=${HEAP_MB}`,
    `--max-semi-space-size=${YOUNG_MB}`,
    child,
  ];
  const data = Math.ceil((2 * memory + HEAP_MB * 2 ** 20 + BESIDE) / 1024);
  const limits = `ulimit -c 0; ulimit -d ${data}; ulimit -f ${MOST_FILE_BYTES / 512}; exec "$@"`;
  const [command, ...args] = existsSync(SHELL) ? [SHELL, '-c', limits, 'sh', ...node] : node;
  return spawn(command!, args, { env: {}, stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
}

function stopped(reason: unknown): AuditError {
  const byPerson = typeof reason === 'string' && reason.startsWith('SIG');
  if (byPerson) return new AuditError('QUERY_STOPPED', 'stopped', { exit: reason === 'SIGINT' ? 130 : 2 });
  return tookTooLong();
}

function died(code: number | null, signal: string | null): AuditError {
  return new AuditError(
    'QUERY_DIED',
    `the query process ended (${signal ?? `code ${code}`}) before it had answered`,
    {
      hint: 'it may have been out of memory: ask for fewer columns or a shorter span, or raise --memory',
    },
  );
}
