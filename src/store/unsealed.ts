import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { writeAll } from './durable.ts';
import { type Layout, namesIn, openFile, openFolder, parseOpenName } from './layout.ts';
import { readHeader, walkFrames } from './open.ts';

/** What an open segment holds for good: its frames up to each source's last mark. */
export interface Unsealed {
  readonly batch: string;
  /** Copy of its records, an object with the member `r` a line. */
  readonly path: string;
  readonly records: number;
  readonly rejected: number;
}

/**
 * Copies the acknowledged records of every open segment into `folder`, so that a query has them whatever their
 * writers do meanwhile. A segment that goes away while this reads has been sealed.
 */
export function readOpenRecords(at: Layout, folder: string): Unsealed[] {
  const found: Unsealed[] = [];
  for (const name of namesIn(openFolder(at))) {
    const parts = parseOpenName(name);
    if (!parts || (parts.form !== 'open' && parts.form !== 'taken')) continue;
    const header = readHeader(openFile(at, parts.batch, parts.form));
    if (!header || header === 'gone' || header.batch !== parts.batch) continue;
    const path = join(folder, `${parts.batch}.ndjson`);
    const counts = copyRecords(openFile(at, parts.batch, parts.form), path);
    if (counts) found.push({ batch: parts.batch, path, ...counts });
  }
  return found;
}

function copyRecords(from: string, to: string): { records: number; rejected: number } | undefined {
  const marks = new Map<number, number>();
  if (!walkFrames(from, frame => void (frame.kind === 'mark' && marks.set(frame.source, frame.offset))))
    return undefined;
  const fd = openSync(to, 'w', 0o600);
  try {
    let [records, rejected] = [0, 0];
    let gathered: Uint8Array[] = [];
    const flush = (): void => {
      writeAll(fd, Buffer.concat(gathered));
      gathered = [];
    };
    walkFrames(from, frame => {
      if (frame.kind !== 'record' && frame.kind !== 'reject') return;
      if (frame.offset > (marks.get(frame.source) ?? -1)) return;
      if (frame.kind === 'reject') {
        rejected++;
        return;
      }
      records++;
      gathered.push(Buffer.concat([PREFIX, frame.line, SUFFIX]));
      if (gathered.length === 1000) flush();
    });
    flush();
    return { records, rejected };
  } finally {
    closeSync(fd);
  }
}

const PREFIX = Buffer.from('{"r":');
const SUFFIX = Buffer.from('}\n');
