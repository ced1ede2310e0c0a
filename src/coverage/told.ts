import { AuditError } from '../errors.ts';
import { type Entry, entryHash, parseEntry } from '../log/entry.ts';
import { parseGenesis } from '../log/genesis.ts';
import { Inventory } from '../log/inventory.ts';
import type { Pin } from '../log/pin.ts';
import { Retention } from '../log/retention.ts';
import { parseNote } from '../note/note.ts';
import type { Layout } from '../store/layout.ts';
import { type Head, readCheckpoint, readEntries } from '../store/log.ts';

/** An entry that is no manifest, and the signed note it stands in. */
export interface ToldEvent {
  readonly entry: Entry;
  readonly note: Buffer;
}

/** What a log says of itself, as far as it can be read. */
export interface Told {
  readonly head: Head;
  /** As genesis states it: worth what a pin that was kept elsewhere makes it. */
  readonly pin?: Pin;
  readonly events: readonly ToldEvent[];
  /** `at` of every entry, in order. */
  readonly times: readonly string[];
  /** Entries that were written while the clock had gone back. */
  readonly clocks: readonly { readonly entry: number; readonly at: string; readonly clock: string }[];
  readonly inventory: Inventory;
  readonly retention: Retention;
  /** Why nothing behind a certain entry could be read. */
  readonly stopped?: string;
}

/**
 * Reads every entry. Nothing is proved here: whoever shows records beside this has them from query(), which checks the log;
 * whoever doesn't has a verification beside it. Throws CHECKPOINT_MISSING, CHECKPOINT_MALFORMED.
 */
export function readTold(at: Layout): Told {
  const head = readCheckpoint(at);
  const inventory = new Inventory(segment => segment);
  const events: ToldEvent[] = [];
  const times: string[] = [];
  const clocks: Told['clocks'][number][] = [];
  let retention: Retention | undefined;
  let pin: Pin | undefined;
  let stopped: string | undefined;
  try {
    for (const note of readEntries(at, 0, head.size)) {
      const entry = parseEntry(parseNote(note).text);
      retention ??= new Retention(entry.at);
      if (times.length === 0) pin = { logKey: parseGenesis(entry).logKey, genesis: entryHash(note) };
      inventory.add(entry);
      retention.add(entry);
      times.push(entry.at);
      if (entry.clock !== undefined) clocks.push({ entry: entry.index, at: entry.at, clock: entry.clock });
      // A bundle's buffer is reused by nobody, but held whole by each part of it.
      if (entry.kind !== 'segment') events.push({ entry, note: Buffer.from(note) });
    }
  } catch (error) {
    if (!(error instanceof AuditError)) throw error;
    stopped = error.message;
  }
  return {
    head,
    events,
    times,
    clocks,
    inventory,
    retention: retention ?? new Retention('1970-01-01T00:00:00.000000Z'),
    ...(pin && { pin }),
    ...(stopped !== undefined && { stopped }),
  };
}
