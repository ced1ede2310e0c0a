import { fork } from 'node:child_process';
import { AuditError } from '../errors.ts';
import type { Answer, Asked, Cell, QueryJob, ResultColumn } from './job.ts';

/** What takes a result, a batch at a time; the next one waits until it is done. */
export interface ResultSink {
  columns(columns: readonly ResultColumn[]): void | Promise<void>;
  /** False: enough. */
  rows(rows: readonly (readonly Cell[])[]): boolean | Promise<boolean>;
}

/**
 * Runs a job in a process of its own, with an empty environment. Throws what failed there; QUERY_DIED where the
 * process did, QUERY_STOPPED where `signal` said so.
 */
export function runInProcess(
  job: QueryJob,
  sink: ResultSink,
  signal: AbortSignal | undefined,
): Promise<void> {
  const child = fork(new URL('./child.js', import.meta.url), [], {
    env: {},
    execArgv: ['--max-old-space-size=1024'],
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  const ask = (message: Asked): void => void (child.connected && child.send(message));
  return new Promise<void>((resolve, reject) => {
    const stop = (): void => {
      reject(new AuditError('QUERY_STOPPED', 'stopped', { exit: signal?.reason === 'SIGINT' ? 130 : 2 }));
      child.kill('SIGKILL');
    };
    const finish = (error?: unknown): void => {
      if (error === undefined) resolve();
      else reject(error);
      child.kill('SIGKILL');
    };
    signal?.addEventListener('abort', stop, { once: true });
    child.on('message', (answer: Answer) => {
      take(answer, sink).then(
        next => (next === 'more' ? ask({ kind: 'more' }) : finish()),
        (error: unknown) => finish(error),
      );
    });
    child.on('error', finish);
    child.on('close', (code, name) => {
      signal?.removeEventListener('abort', stop);
      reject(died(code, name));
    });
    ask({ kind: 'job', job });
  });
}

async function take(answer: Answer, sink: ResultSink): Promise<'more' | 'done'> {
  switch (answer.kind) {
    case 'columns':
      await sink.columns(answer.columns);
      return 'more';
    case 'rows':
      return (await sink.rows(answer.rows)) ? 'more' : 'done';
    case 'end':
      return 'done';
    case 'failed': {
      const { code, message, hint, exit } = answer;
      throw new AuditError(code, message, { exit, ...(hint !== undefined && { hint }) });
    }
  }
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
