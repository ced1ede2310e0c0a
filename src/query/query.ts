import { createReadStream, createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Payload } from '../duck/job.ts';
import { type ResultSink, runInProcess } from '../duck/process.ts';
import { readOpenRecords } from '../store/unsealed.ts';
import { readHistory } from '../store/history.ts';
import { payloadPath } from '../store/layout.ts';
import { localPin, type Store } from '../store/store.ts';

export interface QueryOptions {
  readonly sql: string;
  /** Bound of the engine's buffers, in DuckDB's words. */
  readonly memory: string;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * Answers one SELECT over the view `records`: what is sealed, and what running ingests have made durable. Open
 * segments are read first and the checkpoint after them, so that a record that is sealed meanwhile is seen once.
 * Throws SQL_ERROR, SQL_REFUSED, PAYLOAD_ALTERED (exit 1), LOG_ALTERED (exit 1).
 */
export async function query(store: Store, options: QueryOptions, sink: ResultSink): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'slmaudit-query-'));
  try {
    const unsealed = readOpenRecords(store.at, folder);
    const history = readHistory(store.at, localPin(store));
    const sealed = new Set(history.segments.map(s => s.batch));
    const open = unsealed.filter(u => u.records > 0 && !sealed.has(u.batch)).map(u => u.path);
    const all = join(folder, 'open.ndjson');
    for (const path of open)
      await pipeline(createReadStream(path), createWriteStream(all, { flags: 'a', mode: 0o600 }));
    const payloads: Payload[] = [];
    for (const s of history.segments) {
      if (!s.payload) continue;
      const { sha256, bytes } = s.payload;
      payloads.push({
        path: payloadPath(store.at, s.segment, s.at),
        segment: s.segment,
        first: s.first,
        sha256,
        bytes,
      });
    }
    const job = {
      sql: options.sql,
      payloads,
      memory: options.memory,
      temporary: join(folder, 'spill'),
      ...(open.length > 0 && { open: all }),
    };
    await runInProcess(job, sink, stopped(options));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function stopped({ signal, timeoutMs }: QueryOptions): AbortSignal | undefined {
  const signals = [
    ...(signal ? [signal] : []),
    ...(timeoutMs === undefined ? [] : [AbortSignal.timeout(Math.min(timeoutMs, 2 ** 31 - 1))]),
  ];
  return signals.length > 0 ? AbortSignal.any(signals) : undefined;
}
