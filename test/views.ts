import { mkdtempSync } from 'node:fs';
import type { DuckDBConnection } from '@duckdb/node-api';
import { cellOf } from '../src/duck/cell.ts';
import { withEngine } from '../src/duck/engine.ts';
import { createRequestsView } from '../src/duck/requests.ts';
import { CREATE_IP_KEY, createRuns, createTableView, createView } from '../src/duck/view.ts';
import { filesOf } from '../src/query/files.ts';
import { keptPayloads } from '../src/query/kept.ts';
import { tablesOf } from '../src/query/tables.ts';
import { placeSegments } from '../src/store/known.ts';
import { localPin, openStore } from '../src/store/store.ts';
import type { Sandbox } from './sandbox.ts';

/** The views over what a store has sealed, in this process: for tests with more questions than there is time to start programs. */
export async function withViews(box: Sandbox, work: (db: DuckDBConnection) => Promise<void>): Promise<void> {
  const store = openStore(box.store, box.keys);
  const placed = placeSegments(store.at, localPin(store), undefined);
  const wanted = { size: Infinity, fromSeq: 0, strict: true };
  const { files } = filesOf(store, placed.inventory, keptPayloads(placed.known, undefined), wanted);
  const opened = files.map(file => ({ file, fd: -1, name: file.path, identity: '', isSame: true }));
  const sources = { opened, open: undefined, below: undefined, where: undefined };
  await withEngine({}, async db => {
    await db.run(CREATE_IP_KEY);
    await db.run(createRuns(sources));
    await db.run(createView(sources));
    await db.run(createRequestsView());
    const folder = mkdtempSync(box.path('views-'));
    for (const [name, table] of Object.entries(
      tablesOf(store, 'segments entries quarantine', placed.head.size, folder),
    ))
      await db.run(createTableView(name, table));
    await work(db);
  });
}

/** Rows, with parameters bound as text. */
export async function answerOf(
  db: DuckDBConnection,
  asked: { readonly sql: string; readonly parameters: Readonly<Record<string, string>> },
): Promise<Record<string, unknown>[]> {
  const prepared = await db.prepare(asked.sql);
  for (let i = 1; i <= prepared.parameterCount; i++)
    prepared.bindVarchar(i, asked.parameters[prepared.parameterName(i)]!);
  const read = await prepared.runAndReadAll();
  const names = read.columnNames();
  return read.getRows().map(row => Object.fromEntries(row.map((cell, i) => [names[i], cellOf(cell)])));
}
