import { createReadStream, createWriteStream, mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { AuditError } from '../errors.ts';
import type { JobSegment, Plan, Progress, QueryJob } from '../duck/job.ts';
import { type ResultSink, runInProcess } from '../duck/process.ts';
import { microsOf } from '../record/time.ts';
import type { Head } from '../store/log.ts';
import {
  type Placed,
  type PlacedSegment,
  placeSegments,
  unprovedSegments,
  writeKnown,
} from '../store/known.ts';
import { payloadPath } from '../store/layout.ts';
import { localPin, type Store } from '../store/store.ts';
import { readOpenRecords } from '../store/unsealed.ts';
import { type KeptPayloads, keptPayloads } from './kept.ts';
import { tablesOf } from './tables.ts';

/** What is asked. */
export interface Question {
  readonly sql: string;
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
  readonly segments: readonly JobSegment[];
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
  const folder = mkdtempSync(join(tmpdir(), 'slmaudit-query-'));
  try {
    const unsealed = options.repeatable ? [] : readOpenRecords(store.at, folder);
    const findings: string[] = [];
    const placed = place(store, options, findings);
    const sealed = new Set(placed.inventory.segments.map(s => s.batch));
    const open = unsealed.filter(u => u.records > 0 && !sealed.has(u.batch)).map(u => u.path);
    const all = join(folder, 'open.ndjson');
    for (const path of open)
      await pipeline(createReadStream(path), createWriteStream(all, { flags: 'a', mode: 0o600 }));
    const kept = keptPayloads(placed.known, options.known);
    const segments = placed.inventory.segments
      .filter(s => s.entry < (options.size ?? Infinity) && s.first + s.records > (options.fromSeq ?? 0))
      .filter(s => !placed.inventory.pruned.has(s.segment))
      .map(s => ({ ...s, path: payloadPath(store.at, s.segment, s.at), ...knownOf(s, kept) }));
    let plan: Plan = { read: [], leftOut: [], open: false };
    let told: readonly string[] = [];
    let engine = '';
    const job: QueryJob = {
      sql: question.sql,
      parameters: question.parameters,
      lines: question.lines ?? false,
      span: {
        ...(question.since !== undefined && { from: microsOf(question.since) }),
        ...(question.until !== undefined && { to: microsOf(question.until) }),
      },
      segments,
      ...(open.length > 0 && { open: all }),
      tables: tablesOf(store, question.sql, folder),
      memory: `${Math.max(64, Math.floor(options.memory / 2 ** 20))}MiB`,
      temporary: join(folder, 'spill'),
      spill: spillOf(folder),
      strict: options.strict ?? false,
      unverified: options.unverified ?? false,
      findings,
      repeatable: options.repeatable ?? false,
      // Sums of floats depend on who adds what first.
      ...(options.repeatable && { threads: 1 }),
      ...(kept.filters !== undefined && { filters: kept.filters }),
      ...(options.parquet && { parquet: options.parquet }),
    };
    const heard = {
      plan(made: Plan, wrong: readonly string[]): void {
        [plan, told] = [made, wrong];
        options.onPlan?.({ plan, findings: told });
      },
      progress: (p: Progress): void => options.onProgress?.(p),
      engine: (version: string): void => void (engine = version),
    };
    const limits = { memory: options.memory, signal: stopOf(options) };
    const checked = await runInProcess(job, sink, heard, limits);
    if (options.known !== undefined && findings.length === 0) {
      const grown = placed.log !== placed.known.log || checked.length > 0;
      if (grown) writeKnown(options.known, placed.genesis, { log: placed.log, payloads: kept.with(checked) });
    }
    const { head, genesis } = placed;
    return { head, genesis, plan, findings: told, segments, engine };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function place(store: Store, options: QueryOptions, findings: string[]): Placed {
  const pin = localPin(store);
  try {
    return placeSegments(store.at, pin, options.known);
  } catch (error) {
    if (!options.unverified || !(error instanceof AuditError) || error.exit !== 1) throw error;
    findings.push(`${error.code} ${error.message}`);
    return unprovedSegments(store.at);
  }
}

function knownOf({ payload }: PlacedSegment, kept: KeptPayloads): Pick<JobSegment, 'known'> {
  const known = payload && kept.payloads.get(payload.sha256);
  return known ? { known } : {};
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
