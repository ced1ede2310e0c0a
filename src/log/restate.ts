import type { Entry } from './entry.ts';
import { CODE } from './hold.ts';
import { type EntryLine, HEX64, malformed, parseCount, parseInstant } from './line.ts';
import { CLASS_NAME } from './policy.ts';
import { joinRanges, parseRanges, type Range, rangeLines } from './ranges.ts';
import { LineReader, matched, newer } from './reader.ts';

/**
 * Entries that say anew where records lie: `compact`, `prune` and `redact`. Each file that is made anew has a line
 *
 *     payload <sha256 hex> <bytes> parquet
 *     holds <ranges>                          its segments, whole, in their order; again, where a line is full
 *
 * The latest entry that names a segment says where it lives. Such a digest was signed by a later key than the
 * segment's own: it vouches for nothing until the records' roots were computed again (SPEC 5).
 */
export interface RestatedFile {
  readonly sha256: string;
  readonly bytes: number;
  readonly segments: readonly Range[];
}

/** `slmaudit/compact/v1`: files joined. */
export interface Compact {
  readonly files: readonly RestatedFile[];
}

/**
 * `slmaudit/prune/v1`: segments that are deleted, with their rejected lines:
 *
 *     policy <entry>                      in force
 *     reason <code>
 *     pruned <class> <cutoff> <ranges>    segments of that class whose age counts from the cutoff or before
 *     payload ... holds ...               what is left of files that held others too
 */
export interface Prune extends Compact {
  readonly policy: number;
  readonly reason: string;
  readonly pruned: readonly {
    readonly class: string;
    readonly cutoff: string;
    readonly segments: readonly Range[];
  }[];
}

/**
 * `slmaudit/redact/v1`: rows of which only the leaf hash is left:
 *
 *     policy <entry>
 *     reason <code>
 *     redacted <segment> <rows>           counted from 0
 *     quarantine <ranges>                 segments whose rejected lines are deleted
 *     payload ... holds ...
 */
export interface Redact extends Compact {
  readonly policy: number;
  readonly reason: string;
  readonly rows: readonly { readonly segment: number; readonly rows: readonly Range[] }[];
  readonly quarantine: readonly Range[];
}

const FILE_KEYS = ['payload', 'holds'];

export const compactLines = ({ files }: Compact): EntryLine[] =>
  files.flatMap(({ sha256, bytes, segments }) => [
    { key: 'payload', values: [sha256, String(bytes), 'parquet'] },
    ...rangeLines('holds', [], segments),
  ]);

export function pruneLines({ policy, reason, pruned, files }: Prune): EntryLine[] {
  return [
    { key: 'policy', values: [String(policy)] },
    { key: 'reason', values: [reason] },
    ...pruned.flatMap(p => rangeLines('pruned', [p.class, p.cutoff], p.segments)),
    ...compactLines({ files }),
  ];
}

export function redactLines({ policy, reason, rows, quarantine, files }: Redact): EntryLine[] {
  return [
    { key: 'policy', values: [String(policy)] },
    { key: 'reason', values: [reason] },
    ...rows.flatMap(r => rangeLines('redacted', [String(r.segment)], r.rows)),
    ...rangeLines('quarantine', [], quarantine),
    ...compactLines({ files }),
  ];
}

/** Throws ENTRY_MALFORMED, WRITTEN_BY_NEWER, as the others do. */
export function parseCompact(entry: Entry): Compact {
  const read = new LineReader(entry, 'compact', FILE_KEYS);
  const files = parseFiles(read);
  if (files.length === 0) throw malformed('it restates nothing');
  return { files };
}

export function parsePrune(entry: Entry): Prune {
  const read = new LineReader(entry, 'prune', ['policy', 'reason', 'pruned', ...FILE_KEYS]);
  const about = parseAbout(read);
  const lines = [...read.many('pruned', 3)];
  const pruned = grouped(lines, ([name, cutoff]) => `${name} ${cutoff}`).map(group => ({
    class: matched(group[0]![0]!, CLASS_NAME, 'a class'),
    cutoff: parseInstant(group[0]![1]!, 'a cutoff'),
    segments: joinRanges(group.map(l => parseRanges(l[2]!, 0))),
  }));
  const files = parseFiles(read);
  if (pruned.length === 0) throw malformed('it prunes nothing');
  return { ...about, pruned, files };
}

export function parseRedact(entry: Entry): Redact {
  const read = new LineReader(entry, 'redact', ['policy', 'reason', 'redacted', 'quarantine', ...FILE_KEYS]);
  const about = parseAbout(read);
  const rows = grouped([...read.many('redacted', 2)], ([segment]) => segment!).map(group => ({
    segment: parseCount(group[0]![0]!, 'a segment'),
    rows: joinRanges(group.map(l => parseRanges(l[1]!, 0))),
  }));
  const quarantine = joinRanges([...read.many('quarantine', 1)].map(([ranges]) => parseRanges(ranges!, 0)));
  const files = parseFiles(read);
  if (rows.length === 0 && quarantine.length === 0) throw malformed('it redacts nothing');
  for (const [i, { segment }] of rows.entries())
    if (i > 0 && segment <= rows[i - 1]!.segment) throw malformed('segments out of order');
  return { ...about, rows, quarantine, files };
}

function parseAbout(read: LineReader): { policy: number; reason: string } {
  return {
    policy: parseCount(read.need('policy', 1)[0]!, 'policy'),
    reason: matched(read.need('reason', 1)[0]!, CODE, 'a reason'),
  };
}

function parseFiles(read: LineReader): RestatedFile[] {
  const files: RestatedFile[] = [];
  for (const [sha256, bytes, form] of read.many('payload', 3)) {
    if (form !== 'parquet') throw newer(`payload form "${form}"`);
    const first = read.need('holds', 1);
    const segments = joinRanges([first, ...read.many('holds', 1)].map(([ranges]) => parseRanges(ranges!, 0)));
    files.push({
      sha256: matched(sha256!, HEX64, 'the payload digest'),
      bytes: parseCount(bytes!, 'bytes'),
      segments,
    });
  }
  read.end();
  return files;
}

/** Consecutive lines that begin the same, together. */
function grouped(
  lines: readonly (readonly string[])[],
  of: (line: readonly string[]) => string,
): (readonly string[])[][] {
  const groups: (readonly string[])[][] = [];
  for (const line of lines) {
    const last = groups.at(-1);
    if (last && of(last[0]!) === of(line)) last.push(line);
    else groups.push([line]);
  }
  return groups;
}
