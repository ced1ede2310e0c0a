import type { Entry } from './entry.ts';
import { type EntryLine, HEX32, HEX64, malformed, parseCount, parseInstant } from './line.ts';
import { CLASS_NAME } from './policy.ts';
import { formatRanges, parseRanges, type Range } from './ranges.ts';
import { LineReader, matched, newer } from './reader.ts';
import { addsUp, emptyTally, type SourceTally, type Tally, TALLY } from './tally.ts';

/**
 * The manifest of a segment (`slmaudit/segment/v1`). Its own lines, in this order:
 *
 *     segment <n>                                  0, 1, 2, ... over all manifests of the log
 *     class <name>
 *     first <seq>                                  place of its first record among all records
 *     batch <id of the open segment it seals>
 *     part <i> <n>                                 if that has records of n > 1 classes: its i-th segment, from 0
 *     span <earliest ts> <latest ts>               if there are records
 *     payload <sha256 hex> <bytes> parquet         if there are records
 *     rejected <count> <sha256 hex> <bytes>        if input was rejected: the quarantine file
 *     lines <source> <read> <records> <rejected> <blank> <not_a_request> <part>   one a source: what became of its lines
 *     damaged <count>                              if frames of the open segment could not be read
 *     source <name> <identity> <from> <to> <digest>   files only: bytes from..to, HMAC under the record key
 *     retried <segment> <ranges>                   lines of that segment's quarantine that its records were read from
 *     policy <entry index>
 */
export interface Segment {
  readonly segment: number;
  readonly class: string;
  readonly first: number;
  readonly batch: string;
  /** Where records of one open segment are of several classes: which of its segments this is, from 0. */
  readonly part?: { readonly index: number; readonly of: number };
  readonly span?: { readonly from: string; readonly to: string };
  readonly payload?: { readonly sha256: string; readonly bytes: number };
  readonly rejected?: { readonly count: number; readonly sha256: string; readonly bytes: number };
  readonly lines: readonly SourceTally[];
  readonly damaged: number;
  readonly sources: readonly SourceRange[];
  readonly retried: readonly Retried[];
  readonly policy: number;
}

/** Bytes of one input file that a segment holds; for one identity the ranges join without gap or overlap. */
export interface SourceRange {
  readonly name: string;
  readonly identity: string;
  readonly from: number;
  readonly to: number;
  readonly digest: string;
}

/** Lines of a segment's quarantine, counted from 1. */
export interface Retried {
  readonly segment: number;
  readonly ranges: readonly Range[];
}

export function segmentLines(s: Segment): EntryLine[] {
  const lines: EntryLine[] = [
    { key: 'segment', values: [String(s.segment)] },
    { key: 'class', values: [s.class] },
    { key: 'first', values: [String(s.first)] },
    { key: 'batch', values: [s.batch] },
  ];
  if (s.part) lines.push({ key: 'part', values: [String(s.part.index), String(s.part.of)] });
  if (s.span) lines.push({ key: 'span', values: [s.span.from, s.span.to] });
  if (s.payload)
    lines.push({ key: 'payload', values: [s.payload.sha256, String(s.payload.bytes), 'parquet'] });
  if (s.rejected) {
    lines.push({
      key: 'rejected',
      values: [String(s.rejected.count), s.rejected.sha256, String(s.rejected.bytes)],
    });
  }
  for (const { source, ...tally } of s.lines)
    lines.push({ key: 'lines', values: [source, ...TALLY.map(name => String(tally[name]))] });
  if (s.damaged > 0) lines.push({ key: 'damaged', values: [String(s.damaged)] });
  for (const r of s.sources) {
    lines.push({ key: 'source', values: [r.name, r.identity, String(r.from), String(r.to), r.digest] });
  }
  for (const { segment, ranges } of s.retried)
    lines.push({ key: 'retried', values: [String(segment), formatRanges(ranges)] });
  lines.push({ key: 'policy', values: [String(s.policy)] });
  return lines;
}

function parseTally([source, ...counts]: readonly string[]): SourceTally {
  const tally = emptyTally();
  for (const [i, name] of TALLY.entries()) tally[name] = parseCount(counts[i]!, 'lines');
  if (!addsUp(tally)) throw malformed('the lines of a source do not add up');
  return { source: source!, ...tally };
}

/** Throws ENTRY_MALFORMED, or WRITTEN_BY_NEWER where a line is of a kind this version doesn't know. */
export function parseSegment(entry: Entry): Segment {
  if (!entry.records) throw malformed('not a manifest');
  const read = new LineReader(entry, 'segment', KNOWN);
  const segment = parseCount(read.need('segment', 1)[0]!, 'segment');
  const klass = matched(read.need('class', 1)[0]!, CLASS_NAME, 'class');
  const first = parseCount(read.need('first', 1)[0]!, 'first');
  const batch = matched(read.need('batch', 1)[0]!, HEX32, 'batch');
  const part = read.optional('part', 2)?.map(n => parseCount(n, 'part'));
  const span = read.optional('span', 2);
  const payload = read.optional('payload', 3);
  const rejected = read.optional('rejected', 3);
  const lines = [...read.many('lines', 1 + TALLY.length)].map(parseTally);
  const damaged = read.optional('damaged', 1);
  const sources = [...read.many('source', 5)].map((s): SourceRange => ({
    name: s[0]!,
    identity: s[1]!,
    from: parseCount(s[2]!, 'from'),
    to: parseCount(s[3]!, 'to'),
    digest: matched(s[4]!, HEX64, 'the digest of a source'),
  }));
  const retried = [...read.many('retried', 2)].map((r): Retried => ({
    segment: parseCount(r[0]!, 'retried'),
    ranges: parseRanges(r[1]!),
  }));
  const policy = parseCount(read.need('policy', 1)[0]!, 'policy');
  read.end();
  if (part && !(part[1]! > 1 && part[0]! < part[1]!)) throw malformed('a part that there can not be');
  const filled = entry.records.count > 0;
  if (filled !== Boolean(span) || filled !== Boolean(payload))
    throw malformed('span and payload stand exactly where records do');
  const total = (name: keyof Tally): number => lines.reduce((sum, tally) => sum + tally[name], 0);
  if (total('records') !== entry.records.count || total('rejected') !== Number(rejected?.[0] ?? 0))
    throw malformed('the lines of its sources do not add up');
  if (payload && payload[2] !== 'parquet') throw newer(`payload form "${payload[2]}"`);
  return {
    segment,
    class: klass,
    first,
    batch,
    ...(part && { part: { index: part[0]!, of: part[1]! } }),
    ...(span && { span: { from: parseInstant(span[0]!, 'span'), to: parseInstant(span[1]!, 'span') } }),
    ...(payload && {
      payload: {
        sha256: matched(payload[0]!, HEX64, 'the payload digest'),
        bytes: parseCount(payload[1]!, 'bytes'),
      },
    }),
    ...(rejected && {
      rejected: {
        count: parseCount(rejected[0]!, 'rejected'),
        sha256: matched(rejected[1]!, HEX64, 'the quarantine digest'),
        bytes: parseCount(rejected[2]!, 'bytes'),
      },
    }),
    lines,
    damaged: damaged ? parseCount(damaged[0]!, 'damaged') : 0,
    sources,
    retried,
    policy,
  };
}

const KNOWN = [
  'segment',
  'class',
  'first',
  'batch',
  'part',
  'span',
  'payload',
  'rejected',
  'lines',
  'damaged',
  'source',
  'retried',
  'policy',
];
