import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { AuditError } from '../errors.ts';
import type { Answer, Asked, Cell, Checked, Plan, Progress, QueryJob, ResultColumn } from './job.ts';

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
  run(
    job: QueryJob,
    sink: ResultSink,
    heard: Heard,
    signal: AbortSignal | undefined,
  ): Promise<readonly Checked[]> {
    const child = this.#child;
    const ask = (message: Asked): void => void (child.connected && child.send(message));
    return new Promise<readonly Checked[]>((resolve, reject) => {
      let isOver = false;
      const finish = (failure: unknown, checked: readonly Checked[] = []): void => {
        if (isOver) return;
        isOver = true;
        signal?.removeEventListener('abort', stop);
        this.stop();
        // The folder that it may be spilling to is removed next.
        void this.#gone.then(() => (failure === undefined ? resolve(checked) : reject(failure)));
      };
      const stop = (): void => finish(stopped(signal?.reason));
      if (signal?.aborted) return stop();
      signal?.addEventListener('abort', stop, { once: true });
      const take = async (answer: Answer): Promise<void> => {
        if (isOver) return;
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
            if (!(await sink.rows(JSON.parse(answer.json) as Cell[][]))) return finish(undefined);
            break;
          case 'answered':
            heard.engine(answer.engine);
            await sink.end();
            break;
          case 'end':
            return finish(undefined, answer.checked);
          case 'failed': {
            const { code, message, hint, exit } = answer;
            throw new AuditError(code, message, { exit, ...(hint !== undefined && { hint }) });
          }
        }
        ask({ kind: 'more' });
      };
      child.on('message', (answer: Answer) => void take(answer).catch(finish));
      void this.#gone.then(finish);
      ask({ kind: 'job', job });
    });
  }
}

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
  return new AuditError('QUERY_TIMEOUT', 'the query took longer than it may', {
    hint: 'ask for a shorter span with --since and --until, or raise --timeout',
  });
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
