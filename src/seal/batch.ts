import { closeSync, constants, fsyncSync, openSync } from 'node:fs';
import { parseRanges } from '../log/ranges.ts';
import type { Retried, SourceRange } from '../log/segment.ts';
import type { SourceTally } from '../log/tally.ts';
import { leafHash } from '../record/canonical.ts';
import { microsOf } from '../record/time.ts';
import { removeFile, writeAll } from '../store/durable.ts';
import { type Mark, type OpenHeader, type OpenSource, recordFrame, rejectFrame } from '../store/frame.ts';
import { walkFrames } from '../store/open.ts';
import { type Part, partsOf, Share } from './parts.ts';

/** What an open segment amounts to. */
export interface Batch {
  readonly path: string;
  readonly header: OpenHeader;
  /** The segments to be made of it; at least one. */
  readonly parts: readonly Part[];
  /** Frames of files behind their last mark: never acknowledged, left for the next run over that file. */
  readonly unmarked: number;
}

interface Seen {
  readonly about: OpenSource;
  to: number;
  mark: Mark | undefined;
  rejected: number;
  /** Lines behind its last mark that left a frame, and the offset of the last of them. */
  lines: number;
  offset: number;
}

/**
 * Reads an open segment that a dead writer left and writes the frames that count to `clean`. A frame of a
 * pipe counts wherever it is intact; one of a file only up to its source's last mark, since the file itself
 * will be read again from there. Undefined if the file is gone or has no header.
 */
export function readBatch(path: string, clean: string): Batch | undefined {
  const marks = lastMarks(path);
  if (!marks) return undefined;
  const shares = new Map<string, Share>();
  const sources: Seen[] = [];
  let header: OpenHeader | undefined;
  let [rejected, unmarked] = [0, 0];
  removeFile(clean);
  const fd = openSync(
    clean,
    constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | constants.O_NOFOLLOW,
    0o600,
  );
  try {
    let gathered: string[] = [];
    let size = 0;
    const flush = (): void => {
      writeAll(fd, Buffer.from(gathered.join(''), 'utf8'));
      gathered = [];
      size = 0;
    };
    const end = walkFrames(path, frame => {
      if (frame.kind === 'header') {
        header ??= frame.header;
        return;
      }
      if (frame.kind === 'source') {
        const { about } = frame;
        sources[frame.source] = {
          about,
          to: about.from,
          mark: undefined,
          rejected: 0,
          lines: 0,
          offset: -1,
        };
        return;
      }
      const source = sources[frame.source];
      if (!source) return;
      if (frame.kind === 'mark') {
        source.to = frame.offset;
        source.mark = frame.mark;
        source.lines = 0;
        source.offset = frame.offset;
        return;
      }
      if (source.about.kind !== 'pipe' && frame.offset > (marks.get(frame.source) ?? 0)) {
        unmarked++;
        return;
      }
      // The records of one line have its offset.
      if (frame.offset !== source.offset) source.lines++;
      source.offset = frame.offset;
      const text = frame.line.toString('utf8');
      gathered.push(
        frame.kind === 'record'
          ? recordFrame(frame.source, frame.offset, text, frame.class)
          : rejectFrame(frame.source, frame.offset, text),
      );
      size += text.length;
      if (size > 1 << 20) flush();
      if (frame.kind === 'reject') {
        rejected++;
        source.rejected++;
        return;
      }
      const share = shares.get(frame.class) ?? new Share();
      shares.set(frame.class, share);
      share.add(leafHash(frame.line), 0, microsIn(text));
      share.count(frame.source, 1);
    });
    flush();
    fsyncSync(fd);
    if (!header || !end) return undefined;
    const seen = sources.filter(s => s !== undefined);
    const whole = {
      rejected,
      lines: new Map(sources.flatMap((s, n) => (s ? [[n, tallyOf(s)] as const] : []))),
      damaged: end.damaged,
      sources: seen.flatMap(rangeOf),
      retried: seen.flatMap(retriedOf),
    };
    return { path: clean, header, parts: partsOf(whole, shares), unmarked };
  } finally {
    closeSync(fd);
  }
}

/** NaN for a record that is none: writing its payload fails, and says so. */
function microsIn(record: string): number {
  try {
    const { ts } = JSON.parse(record) as { ts?: unknown };
    return typeof ts === 'string' ? microsOf(ts) : NaN;
  } catch {
    return NaN;
  }
}

/** Behind a pipe's last mark only lines that left something are known: a mark would have said better. */
function tallyOf({ about, mark, rejected, lines }: Seen): SourceTally {
  const { read = 0, blank = 0, not_a_request = 0, part = 0 } = mark ?? {};
  return {
    source: about.name,
    // What a forged mark says must not keep the rest from being sealed.
    read: Math.max(read + lines, rejected + blank + not_a_request + part),
    records: 0,
    rejected,
    blank,
    not_a_request,
    part,
  };
}

function rangeOf({ about, to, mark }: Seen): SourceRange[] {
  if (about.kind !== 'file' || mark?.digest === undefined) return [];
  return [{ name: about.name, identity: about.stream, from: about.from, to, digest: mark.digest }];
}

function retriedOf({ about, mark }: Seen): Retried[] {
  if (about.segment === undefined || mark?.retried === undefined) return [];
  const { segment } = about;
  const ranges = parseRanges(mark.retried);
  // A line of an entry has 8,192 bytes.
  const chunks = Array.from({ length: Math.ceil(ranges.length / 250) }, (_, i) =>
    ranges.slice(i * 250, i * 250 + 250),
  );
  return chunks.map(chunk => ({ segment, ranges: chunk }));
}

/** The offset of each source's last mark. */
function lastMarks(path: string): Map<number, number> | undefined {
  const marks = new Map<number, number>();
  const end = walkFrames(path, frame => {
    if (frame.kind === 'mark') marks.set(frame.source, frame.offset);
  });
  return end && marks;
}
