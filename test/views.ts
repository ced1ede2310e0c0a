import { mkdtempSync } from 'node:fs';
import type { DuckDBConnection } from '@duckdb/node-api';
import { cellOf } from '../src/duck/cell.ts';
import { withEngine } from '../src/duck/engine.ts';
import type { Opened } from '../src/duck/reading.ts';
import { createRequestsView } from '../src/duck/requests.ts';
import { CREATE_IP_KEY, createTableView, createView } from '../src/duck/view.ts';
import { tablesOf } from '../src/query/tables.ts';
import { placeSegments } from '../src/store/known.ts';
import { payloadPath } from '../src/store/layout.ts';
import { localPin, openStore } from '../src/store/store.ts';
import type { Sandbox } from './sandbox.ts';

/** The views over what a store has sealed, in this process: for tests with more questions than there is time to start programs. */
export async function withViews(box: Sandbox, work: (db: DuckDBConnection) => Promise<void>): Promise<void> {
  const store = openStore(box.store, box.keys);
  const opened = placeSegments(store.at, localPin(store), undefined)
    .segments.filter(s => s.payload)
    .map(segment => ({ segment, name: payloadPath(store.at, segment.segment, segment.at) }));
  await withEngine({}, async db => {
    await db.run(CREATE_IP_KEY);
    await db.run(createView({ opened: opened as unknown as Opened[], open: undefined, where: undefined }));
    await db.run(createRequestsView());
    const folder = mkdtempSync(box.path('views-'));
    for (const [name, table] of Object.entries(tablesOf(store, 'segments entries quarantine', folder)))
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
