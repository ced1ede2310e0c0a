import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { ENTRY_COLUMNS, type JobTable } from '../duck/job.ts';
import { entryHash, parseEntry } from '../log/entry.ts';
import { Inventory } from '../log/inventory.ts';
import { countOf } from '../log/ranges.ts';
import { parseNote } from '../note/note.ts';
import { rejectedLines } from '../quarantine/quarantine.ts';
import { writeAll } from '../store/durable.ts';
import { readHistory } from '../store/history.ts';
import { readEntries } from '../store/log.ts';
import { localPin, type Store } from '../store/store.ts';

interface Table {
  readonly columns: Readonly<Record<string, string>>;
  /** As they were when the log had `size` entries. */
  readonly rows: (store: Store, size: number) => Iterable<Readonly<Record<string, unknown>>>;
}

/** The views beside `records` and `requests`. */
const TABLES: Readonly<Record<string, Table>> = {
  segments: {
    columns: {
      segment: 'BIGINT',
      entry: 'BIGINT',
      sealed_at: 'TIMESTAMPTZ',
      class: 'VARCHAR',
      first_seq: 'BIGINT',
      records: 'BIGINT',
      from_ts: 'TIMESTAMPTZ',
      to_ts: 'TIMESTAMPTZ',
      sha256: 'VARCHAR',
      bytes: 'BIGINT',
      root: 'VARCHAR',
      lines_read: 'BIGINT',
      rejected: 'BIGINT',
      redacted: 'BIGINT',
      pruned_by: 'BIGINT',
      damaged: 'BIGINT',
      sources: 'VARCHAR[]',
    },
    rows: segmentRows,
  },
  entries: {
    columns: ENTRY_COLUMNS,
    rows: entryRows,
  },
  quarantine: {
    columns: {
      id: 'VARCHAR',
      sealed_at: 'TIMESTAMPTZ',
      reason: 'VARCHAR',
      source: 'VARCHAR',
      line: 'BIGINT',
      offset: 'BIGINT',
      length: 'BIGINT',
      removed: 'VARCHAR',
      retried: 'BIGINT',
    },
    rows: quarantineRows,
  },
};

/** NDJSON of the views whose name stands in the query: nobody waits for what it doesn't ask. */
export function tablesOf(store: Store, sql: string, size: number, folder: string): Record<string, JobTable> {
  const found: Record<string, JobTable> = {};
  for (const [name, { columns, rows }] of Object.entries(TABLES)) {
    if (!new RegExp(`\\b${name}\\b`, 'i').test(sql)) continue;
    const path = join(folder, `${name}.ndjson`);
    const fd = openSync(path, 'wx', 0o600);
    try {
      for (const row of rows(store, size)) writeAll(fd, Buffer.from(`${JSON.stringify(row)}\n`, 'utf8'));
    } finally {
      closeSync(fd);
    }
    found[name] = { path, columns };
  }
  return found;
}

function* segmentRows(store: Store, size: number): Generator<Record<string, unknown>> {
  // Throws where the entries are not those of the checkpoint.
  const history = readHistory(store.at, localPin(store));
  const inventory = history.head.size === size ? history.inventory : inventoryAt(store, size);
  for (const s of inventory.segments) {
    yield {
      segment: s.segment,
      entry: s.entry,
      sealed_at: s.at,
      class: s.class,
      first_seq: s.first,
      records: s.records,
      from_ts: s.span?.from,
      to_ts: s.span?.to,
      sha256: s.payload?.sha256,
      bytes: s.payload?.bytes,
      root: s.root.toString('hex'),
      lines_read: s.lines.reduce((sum, l) => sum + l.read, 0),
      rejected: s.rejected?.count ?? 0,
      redacted: countOf(inventory.redacted.get(s.segment) ?? []),
      pruned_by: inventory.pruned.get(s.segment),
      damaged: s.damaged,
      sources: s.lines.map(l => l.source),
    };
  }
}

function inventoryAt(store: Store, size: number): Inventory {
  const inventory = new Inventory(segment => segment);
  for (const note of readEntries(store.at, 0, size)) inventory.add(parseEntry(parseNote(note).text));
  return inventory;
}

function* entryRows(store: Store, size: number): Generator<Record<string, unknown>> {
  // Throws where the entries are not those of the checkpoint.
  readHistory(store.at, localPin(store));
  for (const note of readEntries(store.at, 0, size)) {
    const { text } = parseNote(note);
    const { index, kind, at, clock, records } = parseEntry(text);
    const sha256 = entryHash(note).toString('hex');
    yield { entry: index, kind, at, clock, sha256, records: records?.count, text };
  }
}

function* quarantineRows(store: Store, size: number): Generator<Record<string, unknown>> {
  for (const { sealedAt, removed, ...clear } of rejectedLines(store, size))
    yield { ...clear, sealed_at: sealedAt, ...(removed && { removed: JSON.stringify(removed) }) };
}
