import { closeSync, constants, fsyncSync, openSync } from 'node:fs';
import type { SourceRange } from '../log/segment.ts';
import { CompactTree } from '../merkle/tree.ts';
import { leafHash } from '../record/canonical.ts';
import { writeAll } from '../store/durable.ts';
import { type OpenHeader, type OpenSource, recordFrame, rejectFrame } from '../store/frame.ts';
import { walkFrames } from '../store/open.ts';

/** What an open segment amounts to: all that its manifest will say, but its place in the log. */
export interface Batch {
  readonly path: string;
  readonly header: OpenHeader;
  readonly records: number;
  readonly root: Buffer;
  readonly span?: { readonly from: string; readonly to: string };
  readonly rejected: number;
  readonly lines: { readonly read: number; readonly skipped: number };
  readonly damaged: number;
  readonly sources: readonly SourceRange[];
  /** Frames of files behind their last mark: never acknowledged, left for the next run over that file. */
  readonly unmarked: number;
}

interface Seen {
  readonly about: OpenSource;
  to: number;
  digest: string | undefined;
  read: number;
  skipped: number;
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
  const tree = new CompactTree();
  const sources: Seen[] = [];
  let header: OpenHeader | undefined;
  let span: { from: string; to: string } | undefined;
  let [records, rejected, unmarked] = [0, 0, 0];
  const fd = openSync(
    clean,
    constants.O_CREAT | constants.O_TRUNC | constants.O_WRONLY | constants.O_NOFOLLOW,
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
          digest: undefined,
          read: 0,
          skipped: 0,
          lines: 0,
          offset: -1,
        };
        return;
      }
      const source = sources[frame.source];
      if (!source) return;
      if (frame.kind === 'mark') {
        source.to = frame.offset;
        source.digest = frame.mark.digest;
        source.read = frame.mark.read;
        source.skipped = frame.mark.skipped;
        source.lines = 0;
        source.offset = frame.offset;
        return;
      }
      if (source.about.kind === 'file' && frame.offset > (marks.get(frame.source) ?? 0)) {
        unmarked++;
        return;
      }
      // The records of one line have its offset.
      if (frame.offset !== source.offset) source.lines++;
      source.offset = frame.offset;
      const text = frame.line.toString('utf8');
      const form = frame.kind === 'record' ? recordFrame : rejectFrame;
      gathered.push(form(frame.source, frame.offset, text));
      size += text.length;
      if (size > 1 << 20) flush();
      if (frame.kind === 'reject') {
        rejected++;
        return;
      }
      records++;
      tree.add(leafHash(frame.line));
      const { ts } = JSON.parse(text) as { ts: string };
      span = { from: span && span.from < ts ? span.from : ts, to: span && span.to > ts ? span.to : ts };
    });
    flush();
    fsyncSync(fd);
    if (!header || !end) return undefined;
    const lines = { read: 0, skipped: 0 };
    for (const s of sources) {
      if (!s) continue;
      // Behind a pipe's last mark only lines that left something are known: a mark would have said better.
      lines.read += s.read + s.lines;
      lines.skipped += s.skipped;
    }
    return {
      path: clean,
      header,
      records,
      root: tree.root(),
      ...(span && { span }),
      rejected,
      lines,
      damaged: end.damaged,
      sources: sources.filter(s => s?.about.kind === 'file' && s.digest !== undefined).map(range),
      unmarked,
    };
  } finally {
    closeSync(fd);
  }
}

function range(s: Seen): SourceRange {
  return { name: s.about.name, identity: s.about.stream, from: s.about.from, to: s.to, digest: s.digest! };
}

/** The offset of each source's last mark. */
function lastMarks(path: string): Map<number, number> | undefined {
  const marks = new Map<number, number>();
  const end = walkFrames(path, frame => {
    if (frame.kind === 'mark') marks.set(frame.source, frame.offset);
  });
  return end && marks;
}
