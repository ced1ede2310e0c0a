import { createReadStream, createWriteStream, mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { AuditError } from '../errors.ts';
import type { JobFile, Plan, Progress, QueryJob } from '../duck/job.ts';
import { QueryProcess, type ResultSink } from '../duck/process.ts';
import { microsOf } from '../record/time.ts';
import { type Head, readCheckpoint } from '../store/log.ts';
import {
  type Placed,
  type PlacedSegment,
  placeSegments,
  unprovedSegments,
  writeKnown,
} from '../store/known.ts';
import { localPin, type Store } from '../store/store.ts';
import { notNamed, readOpenRecords } from '../store/unsealed.ts';
import { filesOf } from './files.ts';
import { keptPayloads } from './kept.ts';
import { tablesOf } from './tables.ts';

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
  for (let attempt = 1; ; attempt++) {
    const before = readCheckpoint(store.at).note;
    try {
      return await ask(store, question, { ...others, ...(engine && { process: engine }) }, watched);
    } catch (error) {
      // What a writer has joined or deleted since the checkpoint was read lies elsewhere now, as the next one says.
      const isGone = error instanceof AuditError && error.code === 'PAYLOAD_MISSING';
      const hasMoved = !readCheckpoint(store.at).note.equals(before);
      if (!isGone || !hasMoved || hasBegun || attempt === ATTEMPTS) throw error;
      engine = undefined;
    }
  }
}

const ATTEMPTS = 5;

async function ask(
  store: Store,
  question: Question,
  options: QueryOptions,
  sink: ResultSink,
): Promise<Answered> {
  const engine = options.process ?? new QueryProcess(options.memory);
  const folder = mkdtempSync(join(tmpdir(), 'slmaudit-query-'));
  try {
    const unsealed = options.repeatable ? [] : readOpenRecords(store.at, folder);
    const findings: string[] = [];
    const placed = place(store, options, findings);
    const open = notNamed(unsealed, placed.inventory.segments)
      .filter(u => u.records > 0 && u.batch !== options.except)
      .map(u => u.path);
    const all = join(folder, 'open.ndjson');
    for (const path of open)
      await pipeline(createReadStream(path), createWriteStream(all, { flags: 'a', mode: 0o600 }));
    const kept = keptPayloads(placed.known, options.known);
    const size = Math.min(options.size ?? Infinity, placed.head.size);
    const { files, segments, pruned, below } = filesOf(store, placed.inventory, kept, {
      size,
      fromSeq: options.fromSeq ?? 0,
      strict: options.strict ?? false,
    });
    let plan: Plan = { read: [], leftOut: [], open: false };
    let told: readonly string[] = [];
    let version = '';
    const job: QueryJob = {
      sql: question.sql,
      ...(question.expression !== undefined && { expression: question.expression }),
      parameters: question.parameters,
      lines: question.lines ?? false,
      span: {
        ...(question.since !== undefined && { from: microsOf(question.since) }),
        ...(question.until !== undefined && { to: microsOf(question.until) }),
      },
      files,
      ...(below !== undefined && { below }),
      ...(open.length > 0 && { open: all }),
      tables: tablesOf(store, question.sql, size, folder),
      memory: `${Math.max(64, Math.floor(options.memory / 2 ** 20))}MiB`,
      temporary: join(folder, 'spill'),
      spill: spillOf(folder),
      strict: options.strict ?? false,
      unverified: options.unverified ?? false,
      findings,
      repeatable: options.repeatable ?? false,
      // Sums of floats depend on who adds what first.
      ...(options.repeatable
        ? { threads: 1 }
        : options.threads !== undefined && { threads: options.threads }),
      ...(kept.filters !== undefined && !options.strict && { filters: kept.filters }),
      ...(options.parquet && { parquet: options.parquet }),
    };
    const heard = {
      plan(made: Plan, wrong: readonly string[]): void {
        const leftOut = [...made.leftOut, ...pruned.map(segment => ({ segment, why: 'pruned' as const }))];
        plan = { ...made, leftOut: leftOut.toSorted((a, b) => a.segment - b.segment) };
        told = wrong;
        options.onPlan?.({ plan, findings: told });
      },
      progress: (p: Progress): void => options.onProgress?.(p),
      engine: (name: string): void => void (version = name),
    };
    const checked = await engine.run(job, sink, heard, stopOf(options));
    if (options.known !== undefined && findings.length === 0) {
      const grown = placed.log !== placed.known.log || checked.length > 0;
      if (grown) writeKnown(options.known, placed.genesis, { log: placed.log, payloads: kept.with(checked) });
    }
    const { head, genesis } = placed;
    return { head, genesis, plan, findings: told, segments, files, engine: version };
  } finally {
    engine.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

function place(store: Store, options: QueryOptions, findings: string[]): Placed {
  const pin = localPin(store);
  try {
    return placeSegments(store.at, pin, options.known, options.strict);
  } catch (error) {
    if (!options.unverified || !(error instanceof AuditError) || error.exit !== 1) throw error;
    findings.push(`${error.code} ${error.message}`);
    return unprovedSegments(store.at);
  }
}

/** At most 16 GiB, and a tenth of what is free stays so. */
function spillOf(folder: string): string {
  const { bavail, bsize } = statfsSync(folder);
  return `${Math.max(16, Math.floor(Math.min(16 * 2 ** 30, bavail * bsize * 0.9) / 2 ** 20))}MiB`;
}

function stopOf({ signal, timeoutMs }: QueryOptions): AbortSignal | undefined {
  const signals = [
    ...(signal ? [signal] : []),
    ...(timeoutMs === undefined ? [] : [AbortSignal.timeout(Math.min(timeoutMs, 2 ** 31 - 1))]),
  ];
  return signals.length > 0 ? AbortSignal.any(signals) : undefined;
}
