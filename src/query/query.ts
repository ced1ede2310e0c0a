import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AuditError } from '../errors.ts';
import type { Checked, JobFile, Plan, Progress, QueryJob } from '../duck/job.ts';
import { QueryProcess, type ResultSink } from '../duck/process.ts';
import type { Head } from '../store/log.ts';
import { whileMoving } from '../store/moving.ts';
import type { PlacedSegment } from '../store/known.ts';
import type { Store } from '../store/store.ts';
import { findReads } from './reads.ts';

/** What is asked. */
export interface Question {
  readonly sql: string;
  /** A condition from outside that stands in it between parentheses; it may not close them. */
  readonly expression?: string;
  /** Text, by name. */
  readonly parameters: Readonly<Record<string, string>>;
  /** Only records of that span: `ts` as records have it, `until` excluded. */
  readonly since?: string;
  readonly until?: string;
  /** May it use the view `lines`? Not for SQL from outside. */
  readonly lines?: boolean;
}

export interface QueryOptions {
  /** Bound of the engine's buffers, bytes. */
  readonly memory: number;
  /** Of the engine; with one, rows come in the order of the log where nothing sorts them. */
  readonly threads?: number;
  /** One that was started for this query already; it ends with it. */
  readonly process?: QueryProcess;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Folder outside the store where is remembered what was verified; nothing is, if not given. */
  readonly known?: string;
  readonly strict?: boolean;
  readonly unverified?: boolean;
  /** Leave out what is not sealed yet, refuse what can't be asked again, and answer in a fixed order. */
  readonly repeatable?: boolean;
  /** Only the segments of the first so many entries. */
  readonly size?: number;
  /** Batch of an open segment that is left out: a query doesn't count the record of itself. */
  readonly except?: string;
  /** Only segments with records from this place on. */
  readonly fromSeq?: number;
  readonly parquet?: QueryJob['parquet'];
  readonly onProgress?: (progress: Progress) => void;
  /** Before the first row. */
  readonly onPlan?: (asked: Pick<Answered, 'plan' | 'findings'>) => void;
}

/** What an answer was made from. */
export interface Answered {
  readonly head: Head;
  readonly genesis: Buffer;
  readonly plan: Plan;
  /** Why the answer is not verified; only with `unverified`. */
  readonly findings: readonly string[];
  readonly segments: readonly PlacedSegment[];
  /** Where they lay. */
  readonly files: readonly JobFile[];
  /** Version of the engine. */
  readonly engine: string;
}

/**
 * Answers one SELECT over the views of a store: what is sealed, and what running ingests have made durable. Open
 * segments are read first and the checkpoint after them, so that a record that is sealed meanwhile is seen once.
 * Throws SQL_ERROR, SQL_REFUSED, SQL_PARAMETER, QUERY_TIMEOUT, QUERY_MEMORY, QUERY_DIED; PAYLOAD_ALTERED, PAYLOAD_MISSING,
 * LOG_ALTERED (exit 1).
 */
export async function query(
  store: Store,
  question: Question,
  options: QueryOptions,
  sink: ResultSink,
): Promise<Answered> {
  let hasBegun = false;
  const watched: ResultSink = {
    columns(columns) {
      hasBegun = true;
      return sink.columns(columns);
    },
    rows: rows => sink.rows(rows),
    end: () => sink.end(),
  };
  let { process: engine, ...others } = options;
  return whileMoving(
    store.at,
    () => {
      const first = engine;
      engine = undefined;
      return ask(store, question, { ...others, ...(first && { process: first }) }, watched);
    },
    error => !hasBegun && isGone(error),
  );
}

export const isGone = (error: unknown): boolean =>
  error instanceof AuditError && error.code === 'PAYLOAD_MISSING';

async function ask(
  store: Store,
  question: Question,
  options: QueryOptions,
  sink: ResultSink,
): Promise<Answered> {
  const engine = options.process ?? new QueryProcess(options.memory);
  const folder = mkdtempSync(join(tmpdir(), 'slmaudit-query-'));
  try {
    const found = await findReads(store, { ...question, names: question.sql }, options, folder);
    const job: QueryJob = {
      ...found.reads,
      sql: question.sql,
      ...(question.expression !== undefined && { expression: question.expression }),
      parameters: question.parameters,
      lines: question.lines ?? false,
      repeatable: options.repeatable ?? false,
      // Sums of floats depend on who adds what first.
      ...(options.repeatable && { threads: 1 }),
      ...(options.parquet && { parquet: options.parquet }),
    };
    const heard = found.hearing(options);
    let checked: readonly Checked[] = [];
    try {
      checked = await engine.run(job, sink, heard, stopOf(options));
    } finally {
      // Of a question that was misspelled too: a log of years takes seconds to read.
      found.remember(checked);
    }
    return found.answered(heard);
  } finally {
    engine.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

function stopOf({ signal, timeoutMs }: QueryOptions): AbortSignal | undefined {
  const signals = [
    ...(signal ? [signal] : []),
    ...(timeoutMs === undefined ? [] : [AbortSignal.timeout(Math.min(timeoutMs, 2 ** 31 - 1))]),
  ];
  return signals.length > 0 ? AbortSignal.any(signals) : undefined;
}
