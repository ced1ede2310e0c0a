import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { AuditError } from '../errors.ts';
import { DEFAULT_CLASS } from '../log/policy.ts';
import { isUnwritable, writeAll } from './durable.ts';
import { type Keys, type RecordKey, readRecordKeys } from './keys.ts';
import { isFrames, namesIn, openFile, openFolder, parseOpenName } from './layout.ts';
import { isOwn, readHeader, walkFrames } from './open.ts';
import type { Store } from './store.ts';

/** What an open segment holds for good of one class: its frames up to each source's last mark. */
export interface Unsealed {
  readonly batch: string;
  readonly class: string;
  /** Copy of its records, an object with the member `r` a line. */
  readonly path: string;
  readonly records: number;
  /** Rejected lines: they are sealed with the class `default`. */
  readonly rejected: number;
}

/**
 * Copies the acknowledged records of every open segment into `folder`, so that a query has them whatever their
 * writers do meanwhile. A segment that goes away while this reads has been sealed. One that no writer of this store has begun is nobody's
 * record; who may not read the record key can't tell.
 */
export function readOpenRecords({ at, keys }: Store, folder: string): Unsealed[] {
  const found: Unsealed[] = [];
  let own = recordKeysIfAny(keys);
  for (const name of namesIn(openFolder(at))) {
    const parts = parseOpenName(name);
    if (!parts || !isFrames(parts.form)) continue;
    const from = openFile(at, parts.batch, parts.form);
    const header = readHeader(from);
    if (!header || header === 'gone' || header.batch !== parts.batch) continue;
    // Its key may have been made since.
    if (isOwn(header, own) === 'unknown') own = recordKeysIfAny(keys);
    if (own.length > 0 && isOwn(header, own) !== true) continue;
    found.push(...(copyRecords(from, parts.batch, folder) ?? []));
  }
  return found;
}

function recordKeysIfAny(keys: Keys): RecordKey[] {
  try {
    return readRecordKeys(keys);
  } catch (error) {
    if (error instanceof AuditError || isUnwritable(error)) return [];
    throw error;
  }
}

/**
 * Those that no manifest names yet: an open segment is sealed class by class, and a writer may be between two of them, or have been
 * killed there. `segments`: of a checkpoint that was read behind the open segments.
 */
export function notNamed(
  unsealed: readonly Unsealed[],
  segments: readonly { readonly batch: string; readonly class: string }[],
): Unsealed[] {
  const key = ({ batch, class: name }: { batch: string; class: string }): string => `${batch} ${name}`;
  const named = new Set(segments.map(key));
  return unsealed.filter(u => !named.has(key(u)));
}

function copyRecords(from: string, batch: string, folder: string): Unsealed[] | undefined {
  const marks = new Map<number, number>();
  if (!walkFrames(from, frame => void (frame.kind === 'mark' && marks.set(frame.source, frame.offset))))
    return undefined;
  const copies = new Map<string, Copy>();
  const copyOf = (name: string): Copy => {
    const copy = copies.get(name) ?? new Copy(join(folder, `${batch}.${name}.ndjson`));
    copies.set(name, copy);
    return copy;
  };
  let rejected = 0;
  try {
    walkFrames(from, frame => {
      if (frame.kind !== 'record' && frame.kind !== 'reject') return;
      if (frame.offset > (marks.get(frame.source) ?? -1)) return;
      if (frame.kind === 'reject') rejected++;
      else copyOf(frame.class).add(frame.line);
    });
    if (rejected > 0 || copies.size === 0) copyOf(DEFAULT_CLASS);
  } finally {
    for (const copy of copies.values()) copy.close();
  }
  return [...copies].map(([name, { path, records }]) => ({
    batch,
    class: name,
    path,
    records,
    rejected: name === DEFAULT_CLASS ? rejected : 0,
  }));
}

class Copy {
  readonly path: string;
  records = 0;
  readonly #fd: number;
  #gathered: Uint8Array[] = [];

  constructor(path: string) {
    this.path = path;
    this.#fd = openSync(path, 'w', 0o600);
  }

  add(line: Buffer): void {
    this.records++;
    // The walk goes on in the same buffer.
    this.#gathered.push(Buffer.concat([PREFIX, line, SUFFIX]));
    if (this.#gathered.length === 1000) this.#flush();
  }

  #flush(): void {
    writeAll(this.#fd, Buffer.concat(this.#gathered));
    this.#gathered = [];
  }

  close(): void {
    this.#flush();
    closeSync(this.#fd);
  }
}

const PREFIX = Buffer.from('{"r":');
const SUFFIX = Buffer.from('}\n');
