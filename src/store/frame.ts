import { crc32 } from 'node:zlib';
import { HEX32, HEX64 } from '../log/line.ts';
import { CLASS_NAME, DEFAULT_CLASS } from '../log/policy.ts';
import { isRanges } from '../log/ranges.ts';
import { addsUp, type Skip, type Tally } from '../log/tally.ts';
import { type Owner, parseOwner } from './owner.ts';

/*
 * Lines of an open segment (SPEC 8): NDJSON whose first member is the CRC-32 of the rest of the line, so that a
 * person can read it, DuckDB can read it as it is, and a torn or damaged line is known from its own bytes:
 *
 *     {"c":"0f3a2b1c","h":{...}}                              header, first line
 *     {"c":"...","s":0,"f":{"name":...,"stream":...,"kind":"file","from":0}}     source 0 begins
 *     {"c":"...","s":0,"o":5120,"r":{canonical record}}       a record; o: offset of its source just behind its line
 *     {"c":"...","s":0,"o":5632,"k":"auth","r":{...}}         one of another class than `default`
 *     {"c":"...","s":0,"o":6144,"q":{sealed reject}}          a rejected line
 *     {"c":"...","s":0,"o":6144,"m":{"read":12,"blank":1,"not_a_request":0,"part":0,"digest":"..."}}    mark: all before it is durable
 *
 * Not binary: JSON needs no translation, and a line feed resynchronizes behind damage. Not CRC-32C: node:zlib has a native crc32.
 */

/** The first frame of an open segment. */
export interface OpenHeader extends Begun {
  /** Id of the record key that `mac` was made with. */
  readonly key: string;
  /** Says that a writer of this store began it: HMAC of the rest. */
  readonly mac: string;
}

export interface Begun {
  readonly form: 'slmaudit-open/2';
  readonly origin: string;
  readonly batch: string;
  /** Size of the log when it was begun: its batch can only be named by entries from there on. */
  readonly since: number;
  readonly at: string;
  readonly owner: Owner;
}

export interface OpenSource {
  readonly name: string;
  /** File identity, or the id of this run for a pipe: what event ids were made with. */
  readonly stream: string;
  /** `quarantine`: lines that were rejected before; an offset is the number of a line in that segment's quarantine. */
  readonly kind: 'file' | 'pipe' | 'quarantine';
  readonly from: number;
  /** Of a quarantine. */
  readonly segment?: number;
}

/**
 * Counts since the segment began, for one source; `digest` is that of the bytes from..o of a file, `retried` are the
 * lines of a quarantine that became records.
 */
export interface Mark extends Pick<Tally, 'read' | Skip> {
  readonly digest?: string;
  readonly retried?: string;
}

export type Frame =
  | { readonly kind: 'header'; readonly header: OpenHeader }
  | { readonly kind: 'source'; readonly source: number; readonly about: OpenSource }
  | {
      readonly kind: 'record';
      readonly source: number;
      readonly offset: number;
      readonly class: string;
      readonly line: Buffer;
    }
  | { readonly kind: 'reject'; readonly source: number; readonly offset: number; readonly line: Buffer }
  | { readonly kind: 'mark'; readonly source: number; readonly offset: number; readonly mark: Mark };

/** `rest` is the line's text behind the checksum member: `"s":0,...}` without a line feed. */
export function formatFrame(rest: string): string {
  return `{"c":"${hex8(crc32(rest))}",${rest}\n`;
}

export const headerFrame = (header: OpenHeader): string => formatFrame(`"h":${JSON.stringify(header)}}`);
export const sourceFrame = (source: number, about: OpenSource): string =>
  formatFrame(`"s":${source},"f":${JSON.stringify(about)}}`);
/** A frame's text up to the record or reject, which `}` ends. */
export const recordHead = (source: number, offset: number, name: string = DEFAULT_CLASS): string =>
  `"s":${source},"o":${offset},${name === DEFAULT_CLASS ? '' : `"k":"${name}",`}"r":`;
export const rejectHead = (source: number, offset: number): string => `"s":${source},"o":${offset},"q":`;
export const recordFrame = (
  source: number,
  offset: number,
  line: string,
  name: string = DEFAULT_CLASS,
): string => formatFrame(`${recordHead(source, offset, name)}${line}}`);
export const rejectFrame = (source: number, offset: number, line: string): string =>
  formatFrame(`${rejectHead(source, offset)}${line}}`);
export const markFrame = (source: number, offset: number, mark: Mark): string =>
  formatFrame(`"s":${source},"o":${offset},"m":${JSON.stringify(mark)}}`);

/**
 * Writes a frame into `out` at `at`: `rest` as in formatFrame, the line feed too. Returns its end. What a frame
 * needs at most is maxFrameBytes(rest).
 */
export function writeFrame(out: Buffer, at: number, rest: string): number {
  return sealedFrame(out, at, at + FRAME_PREFIX + out.write(rest, at + FRAME_PREFIX, 'utf8'));
}

/** The same where `rest` is a head of ASCII, a record that `write` puts there (it returns the record's end), and `}`. */
export function writeRecordFrame(
  out: Buffer,
  at: number,
  head: string,
  write: (out: Buffer, at: number) => number,
): number {
  const end = write(out, at + FRAME_PREFIX + out.write(head, at + FRAME_PREFIX, 'latin1'));
  out[end] = 0x7d;
  return sealedFrame(out, at, end + 1);
}

/** Sets the checksum before what stands behind it up to `end`. */
function sealedFrame(out: Buffer, at: number, end: number): number {
  out.set(BLANK, at);
  let crc = crc32(out.subarray(at + FRAME_PREFIX, end));
  for (let digit = at + CRC_END; digit > at + CRC_END - 8; crc >>>= 4) out[--digit] = HEX[crc & 15]!;
  out[end] = 10;
  return end + 1;
}

export const maxFrameBytes = (rest: string): number => FRAME_PREFIX + rest.length * 3 + 1;

const hex8 = (n: number): string => n.toString(16).padStart(8, '0');

const BLANK = Buffer.from('{"c":"xxxxxxxx",');
/** Bytes before a frame's own members. */
export const FRAME_PREFIX: number = BLANK.length;
/** Just behind the checksum's last digit. */
const CRC_END = 14;
const HEX = Buffer.from('0123456789abcdef');
const HEAD = /^"s":(0|[1-9]\d{0,5}),(?:"o":(0|[1-9]\d{0,15}),)?(?:"k":"([^"]*)",)?"([frqm])":/;
/** Characters that HEAD has at most where a class is one. */
const MOST_HEAD = 80;

/** Undefined for a line that is damaged or torn: its checksum is not that of its bytes. */
export function parseFrame(line: Buffer): Frame | undefined {
  if (line.length <= FRAME_PREFIX + 1 || line[line.length - 1] !== 0x7d) return undefined;
  const stated = line.toString('latin1', 0, FRAME_PREFIX);
  const rest = line.subarray(FRAME_PREFIX);
  if (stated !== `{"c":"${hex8(crc32(rest))}",`) return undefined;
  if (rest.toString('latin1', 0, 4) === '"h":') {
    const header = parsed(rest.subarray(4, rest.length - 1), parseHeader);
    return header && { kind: 'header', header };
  }
  const head = HEAD.exec(rest.toString('latin1', 0, MOST_HEAD));
  if (!head) return undefined;
  const source = Number(head[1]);
  const offset = Number(head[2]);
  const [, , , name = DEFAULT_CLASS, letter] = head;
  if (letter !== 'f' && !isCount(offset)) return undefined;
  if (head[3] !== undefined && (letter !== 'r' || name === DEFAULT_CLASS || !CLASS_NAME.test(name)))
    return undefined;
  const body = rest.subarray(head[0].length, rest.length - 1);
  switch (letter) {
    case 'r':
      return { kind: 'record', source, offset, class: name, line: body };
    case 'q':
      return { kind: 'reject', source, offset, line: body };
    case 'm': {
      const mark = parsed(body, parseMark);
      return mark && { kind: 'mark', source, offset, mark };
    }
    default: {
      const about = parsed(body, parseSource);
      return about && { kind: 'source', source, about };
    }
  }
}

function parsed<T>(bytes: Buffer, check: (value: unknown) => T | undefined): T | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    return typeof value === 'object' && value !== null ? check(value) : undefined;
  } catch {
    return undefined;
  }
}

const isCount = (n: unknown): boolean => Number.isSafeInteger(n) && (n as number) >= 0;

/** An open segment can be written by whoever can write the store: nothing in it is believed that was not looked at. */
function parseHeader(value: unknown): OpenHeader | undefined {
  const h = value as Partial<Record<keyof OpenHeader, unknown>>;
  const owner = parseOwner(h.owner);
  const whole =
    h.form === 'slmaudit-open/2' &&
    typeof h.origin === 'string' &&
    typeof h.batch === 'string' &&
    HEX32.test(h.batch) &&
    isCount(h.since) &&
    typeof h.at === 'string' &&
    !Number.isNaN(Date.parse(h.at)) &&
    typeof h.key === 'string' &&
    /^[0-9a-f]{8}$/.test(h.key) &&
    typeof h.mac === 'string' &&
    HEX64.test(h.mac);
  return whole && owner ? { ...(value as OpenHeader), owner } : undefined;
}

function parseSource(value: unknown): OpenSource | undefined {
  const { name, stream, kind, from, segment } = value as Partial<Record<keyof OpenSource, unknown>>;
  const named = typeof name === 'string' && name !== '' && Buffer.byteLength(name) <= 200;
  const placed = kind === 'quarantine' ? isCount(segment) : kind === 'file' || kind === 'pipe';
  const known = placed && typeof stream === 'string' && HEX32.test(stream);
  return named && known && isCount(from) ? (value as OpenSource) : undefined;
}

function parseMark(value: unknown): Mark | undefined {
  const {
    read,
    blank,
    not_a_request: noise,
    part,
    digest,
    retried,
  } = value as Partial<Record<keyof Mark, unknown>>;
  const digested = digest === undefined || (typeof digest === 'string' && HEX64.test(digest));
  const counted =
    [read, blank, noise, part].every(isCount) && addsUp({ ...(value as Mark), records: 0, rejected: 0 });
  const ranged = retried === undefined || (typeof retried === 'string' && isRanges(retried));
  return counted && digested && ranged ? (value as Mark) : undefined;
}
