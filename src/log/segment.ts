import { AuditError } from '../errors.ts';
import type { Entry } from './entry.ts';
import { type EntryLine, malformed, parseCount, parseInstant } from './line.ts';
import { formatRanges, parseRanges, type Range } from './ranges.ts';
import { addsUp, emptyTally, type SourceTally, type Tally, TALLY } from './tally.ts';

/**
 * The manifest of a segment (`slmaudit/segment/v1`). Its own lines, in this order:
 *
 *     segment <n>                                  0, 1, 2, ... over all manifests of the log
 *     class <name>
 *     first <seq>                                  place of its first record among all records
 *     batch <id of the open segment it seals>
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

const HEX64 = /^[0-9a-f]{64}$/;
const HEX32 = /^[0-9a-f]{32}$/;
const CLASS = /^[a-z][a-z0-9_-]{0,31}$/;

/** Throws ENTRY_MALFORMED, or WRITTEN_BY_NEWER where a line is of a kind this version doesn't know. */
export function parseSegment(entry: Entry): Segment {
  if (entry.kind !== 'segment' || !entry.records) throw malformed('not a manifest');
  if (entry.version !== 1) throw newer(`manifest version ${entry.version}`);
  const left = [...entry.lines];
  const optional = (key: string, count: number): readonly string[] | undefined => {
    if (left[0]?.key !== key) return undefined;
    const { values } = left.shift()!;
    if (values.length !== count) throw malformed(`the ${key} line has ${values.length} values, not ${count}`);
    return values;
  };
  const need = (key: string, count: number): readonly string[] => {
    const values = optional(key, count);
    if (values) return values;
    if (left[0] && !KNOWN.has(left[0].key)) throw newer(`line "${left[0].key}"`);
    throw malformed(`no ${key} line where one belongs`);
  };
  const segment = parseCount(need('segment', 1)[0]!, 'segment');
  const klass = matched(need('class', 1)[0]!, CLASS, 'class');
  const first = parseCount(need('first', 1)[0]!, 'first');
  const batch = matched(need('batch', 1)[0]!, HEX32, 'batch');
  const span = optional('span', 2);
  const payload = optional('payload', 3);
  const rejected = optional('rejected', 3);
  const lines: SourceTally[] = [];
  for (let l = optional('lines', 1 + TALLY.length); l; l = optional('lines', 1 + TALLY.length))
    lines.push(parseTally(l));
  const damaged = optional('damaged', 1);
  const sources: SourceRange[] = [];
  for (let s = optional('source', 5); s; s = optional('source', 5)) {
    sources.push({
      name: s[0]!,
      identity: s[1]!,
      from: parseCount(s[2]!, 'from'),
      to: parseCount(s[3]!, 'to'),
      digest: matched(s[4]!, HEX64, 'the digest of a source'),
    });
  }
  const retried: Retried[] = [];
  for (let r = optional('retried', 2); r; r = optional('retried', 2))
    retried.push({ segment: parseCount(r[0]!, 'retried'), ranges: parseRanges(r[1]!) });
  const policy = parseCount(need('policy', 1)[0]!, 'policy');
  if (left[0]) throw newer(`line "${left[0].key}"`);
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

const KNOWN = new Set([
  'segment',
  'class',
  'first',
  'batch',
  'span',
  'payload',
  'rejected',
  'lines',
  'damaged',
  'source',
  'retried',
  'policy',
]);

function matched(text: string, form: RegExp, what: string): string {
  if (!form.test(text)) throw malformed(`${what} is not of its form`);
  return text;
}

/** Not tampering, and never skipped: the answer can't be better than "could not check". */
export function newer(what: string): AuditError {
  return new AuditError('WRITTEN_BY_NEWER', `written by a newer slmaudit: ${what}`, {
    hint: 'update slmaudit, then try again',
  });
}
