import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { dirname, join } from 'node:path';
import { quote, withEngine } from '../../src/duck/engine.ts';
import { type Entry, entryHash, formatEntry, parseEntry } from '../../src/log/entry.ts';
import { parseSegment, type Segment, segmentLines } from '../../src/log/segment.ts';
import { makeSigner, parseSigner, type SignerKey } from '../../src/note/key.ts';
import { formatNote, parseNote, signNote } from '../../src/note/note.ts';
import { readLogKey, writeHead } from '../../src/store/keys.ts';
import { payloadPath } from '../../src/store/layout.ts';
import { publish, readCheckpoint, readEntries, writeEntry } from '../../src/store/log.ts';
import { openStore, type Store } from '../../src/store/store.ts';

/** Where a store and its keys lie, to be spoiled. */
export interface Place {
  readonly store: string;
  readonly keys: string;
  /** Folder of heads that verify remembers. */
  readonly heads: string;
}

export function copyOf(from: Place, folder: string): Place {
  cpSync(dirname(from.store), folder, { recursive: true });
  return { store: join(folder, 'store'), keys: join(folder, 'keys'), heads: join(folder, 'heads') };
}

export const opened = ({ store, keys }: Place): Store => openStore(store, keys);

export function notesOf(at: Place): Buffer[] {
  const store = opened(at);
  return [...readEntries(store.at, 0, readCheckpoint(store.at).size)];
}

export const entryOf = (note: Buffer): Entry => parseEntry(parseNote(note).text);

/** Writes the whole log anew, with a checkpoint of the real log key. */
export function rewrite(at: Place, notes: readonly Buffer[]): void {
  const store = opened(at);
  rmSync(join(at.store, 'log'), { recursive: true });
  mkdirSync(join(at.store, 'log'));
  let root: Buffer = Buffer.alloc(32);
  for (const [i, note] of notes.entries()) root = writeEntry(store.at, i, note);
  publish(store.at, { origin: store.origin, size: notes.length, root }, readLogKey(store.keys));
}

/** A key of the thief's own for entry `index`: the real one is erased. */
export const ownKey = (index: number): SignerKey =>
  makeSigner(`test.example/log/e/${index}`, Buffer.alloc(32, index + 1));

export const signed = (text: string, key: SignerKey): Buffer =>
  Buffer.from(formatNote(signNote(text, key)), 'utf8');

/** The key that the last entry named: whoever holds today's keys has it. */
export function currentKey(at: Place): SignerKey {
  const { keys } = opened(at);
  const index = notesOf(at).length;
  return parseSigner(readFileSync(join(keys.folder, 'epoch', `${index}.key`), 'utf8').trim());
}

/** `notes` from `first` on, changed and signed anew by the thief's own keys, each naming the next. */
export function resigned(
  notes: readonly Buffer[],
  first: number,
  change: (entry: Entry, index: number) => Entry = entry => entry,
): Buffer[] {
  const made = notes.slice(0, first);
  for (const note of notes.slice(first)) {
    const index = made.length;
    const entry = change(entryOf(note), index);
    made.push(
      signed(
        formatEntry({ ...entry, prev: entryHash(made.at(-1)!), next: ownKey(index + 1) }),
        ownKey(index),
      ),
    );
  }
  return made;
}

export function withSegment(entry: Entry, change: Partial<Segment>): Entry {
  return { ...entry, lines: segmentLines({ ...parseSegment(entry), ...change }) };
}

/** One more entry by the holder of today's keys and of a program of their own. */
export function appendEntry(
  at: Place,
  make: (last: Entry) => Omit<Entry, 'prev' | 'next' | 'origin' | 'index'>,
): void {
  const store = opened(at);
  const last = notesOf(at).at(-1)!;
  const index = entryOf(last).index + 1;
  const entry = {
    ...make(entryOf(last)),
    origin: store.origin,
    index,
    prev: entryHash(last),
    next: ownKey(index + 1),
  };
  const note = signed(formatEntry(entry), currentKey(at));
  const root = writeEntry(store.at, index, note);
  writeHead(
    store.keys,
    publish(store.at, { origin: store.origin, size: index + 1, root }, readLogKey(store.keys)),
  );
}

/**
 * One more segment that says of the last one's records what they are, and holds what `sql` makes of them (`t`), or
 * `bytes`. The holder of today's keys can do that; the rows then are not those of the root.
 */
export async function appendSegment(
  at: Place,
  payload: { readonly sql: string } | { readonly bytes: Buffer },
  change: (segment: Segment) => Partial<Segment> = () => ({}),
): Promise<void> {
  const store = opened(at);
  const last = entryOf(notesOf(at).at(-1)!);
  const before = parseSegment(last);
  const number = before.segment + 1;
  const path = payloadPath(store.at, number, last.at);
  const from = payloadPath(store.at, before.segment, last.at);
  if ('bytes' in payload) writeFileSync(path, payload.bytes);
  else
    await withEngine({}, async db => {
      await db.run(`CREATE TABLE t AS SELECT * FROM read_parquet(${quote(from)}, hive_partitioning = false)`);
      await db.run(
        `COPY (${payload.sql}) TO ${quote(path)} (FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION V1)`,
      );
    });
  const bytes = readFileSync(path);
  const made = {
    ...before,
    segment: number,
    first: before.first + last.records!.count,
    batch: String(number).padStart(32, '0'),
    payload: { sha256: createHash('sha256').update(bytes).digest('hex'), bytes: bytes.length },
    sources: [],
  };
  appendEntry(at, () => ({ ...last, lines: segmentLines({ ...made, ...change(made) }) }));
}
