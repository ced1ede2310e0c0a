import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { openToRead } from '../store/durable.ts';
import { allowFiles, fdName, lockEngine, quote, withEngine } from './engine.ts';
import type { Answer, Reads } from './job.ts';
import { all, type Chosen, type Opened, Reading } from './reading.ts';
import { createRequestsView } from './requests.ts';
import { CREATE_LAST, type Send } from './rows.ts';
import * as view from './view.ts';

/** Sends what nobody waits for. */
export type Tell = (message: Answer) => void;

/** An engine within its bounds. */
export async function withReader(
  { memory, temporary, spill, threads }: Reads,
  work: (db: DuckDBConnection) => Promise<void>,
): Promise<void> {
  await withEngine({ memory, temporary, ...(threads !== undefined && { threads }) }, async db => {
    await db.run(`SET max_temp_directory_size = ${quote(spill)}`);
    await db.run(view.CREATE_IP_KEY);
    await work(db);
  });
}

export interface Shown {
  /** Are open segments read too? */
  readonly isOpen: boolean;
  /** Is there a view `lines`? */
  readonly lines: boolean;
  /** Over the payload's own columns; undefined: all records. */
  readonly where?: string;
  /** A file that the engine is to write. */
  readonly target?: string;
}

/** Opens and checks the files, makes the views, says what is read, and locks the engine. Throws what Reading does. */
export async function openAll(
  db: DuckDBConnection,
  reads: Reads,
  { read, leftOut }: Chosen,
  tell: Tell,
  answer: Send,
  shown: Shown,
): Promise<{ readonly reading: Reading; readonly opened: readonly Opened[] }> {
  const reading = new Reading(reads);
  for (const [i, file] of read.entries()) {
    reading.open(file);
    tell({
      kind: 'progress',
      progress: { phase: 'checking', files: i + 1, of: read.length, bytes: reading.bytes },
    });
  }
  await reading.prove(db);
  const open =
    shown.isOpen && reads.open !== undefined
      ? { path: reads.open, name: fdName(openToRead(reads.open), reads.open) }
      : undefined;
  const names = await allowFiles(
    db,
    join(reads.temporary, '..', 'files'),
    reading.opened.map(o => o.name),
    [...(open ? [open.name] : []), ...(shown.target === undefined ? [] : [shown.target])],
  );
  const opened = reading.opened.map((o, i) => ({ ...o, name: names[i]! }));
  await createViews(db, reads, shown, {
    opened,
    open: open?.name,
    below: reads.below,
    where: allWhere(spanWhere(reads), shown.where),
  });
  const missing = reading.missing.flatMap(file => all(file, 'missing'));
  await answer({
    kind: 'plan',
    plan: {
      read: opened.flatMap(o => o.file.segments.map(s => s.segment)),
      leftOut: [...leftOut, ...missing].sort((a, b) => a.segment - b.segment),
      open: open !== undefined,
    },
    findings: reading.findings,
  });
  await lockEngine(db);
  return { reading, opened };
}

/** Tells how far the engine is, while it works. */
export async function watched(
  db: DuckDBConnection,
  opened: readonly Opened[],
  tell: Tell,
  work: () => Promise<void>,
): Promise<void> {
  const bytes = opened.reduce((sum, { file }) => sum + file.bytes, 0);
  const watch = setInterval(() => {
    const { percentage } = db.progress;
    tell({ kind: 'progress', progress: { phase: 'querying', percent: Math.max(0, percentage), bytes } });
  }, 250);
  try {
    await work();
  } finally {
    clearInterval(watch);
  }
}

export const spanOf = ({ span }: Reads): { from?: number; to?: number } | true =>
  span.from === undefined && span.to === undefined
    ? true
    : {
        ...(span.from !== undefined && { from: span.from }),
        ...(span.to !== undefined && { to: span.to - 1 }),
      };

function spanWhere({ span: { from, to } }: Reads): string | undefined {
  return allWhere(
    from === undefined ? undefined : `ts >= make_timestamptz(${from})`,
    to === undefined ? undefined : `ts < make_timestamptz(${to})`,
  );
}

function allWhere(...conditions: readonly (string | undefined)[]): string | undefined {
  const some = conditions.filter(c => c !== undefined);
  return some.length === 0 ? undefined : some.join(' AND ');
}

async function createViews(
  db: DuckDBConnection,
  { tables }: Reads,
  { lines }: Shown,
  sources: view.Sources,
): Promise<void> {
  await db.run(view.createRuns(sources));
  await db.run(view.createView(sources));
  await db.run(createRequestsView());
  await db.run(CREATE_LAST);
  if (lines) await db.run(view.createLinesView(sources));
  for (const [name, table] of Object.entries(tables)) await db.run(view.createTableView(name, table));
}
