import { crc32 } from 'node:zlib';
import { type Owner, parseOwner } from './owner.ts';

/**
 * Lines of an open segment (SPEC 8): NDJSON whose first member is the CRC-32 of the rest of the line, so that a
 * person can read it, DuckDB can read it as it is, and a torn or damaged line is known from its own bytes:
 *
 *     {"c":"0f3a2b1c","h":{...}}                              header, first line
 *     {"c":"...","s":0,"f":{"name":...,"stream":...,"kind":"file","from":0}}     source 0 begins
 *     {"c":"...","s":0,"o":5120,"r":{canonical record}}       a record; o: offset of its source just behind its line
 *     {"c":"...","s":0,"o":6144,"q":{sealed reject}}          a rejected line
 *     {"c":"...","s":0,"o":6144,"m":{"read":12,"skipped":1,"digest":"..."}}      mark: all before it is durable
 *
 * (FORMAT's draft had binary frames and CRC-32C. JSON needs no translation, a line feed resynchronizes behind
 * damage, and node:zlib has a native crc32.)
 */
export interface OpenHeader {
  readonly form: 'slmaudit-open/1';
  readonly origin: string;
  readonly batch: string;
  readonly class: string;
  /** Size of the log when it was begun: its batch can only be named by entries from there on. */
  readonly since: number;
  readonly at: string;
  readonly owner: Owner;
}

export interface OpenSource {
  readonly name: string;
  /** File identity, or the id of this run for a pipe: what event ids were made with. */
  readonly stream: string;
  readonly kind: 'file' | 'pipe';
  readonly from: number;
}

/** Counts since the segment began, for one source; `digest` is that of the bytes from..o of a file. */
export interface Mark {
  readonly read: number;
  readonly skipped: number;
  readonly digest?: string;
}

export type Frame =
  | { readonly kind: 'header'; readonly header: OpenHeader }
  | { readonly kind: 'source'; readonly source: number; readonly about: OpenSource }
  | { readonly kind: 'record'; readonly source: number; readonly offset: number; readonly line: Buffer }
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
export const recordHead = (source: number, offset: number): string => `"s":${source},"o":${offset},"r":`;
export const rejectHead = (source: number, offset: number): string => `"s":${source},"o":${offset},"q":`;
export const recordFrame = (source: number, offset: number, line: string): string =>
  formatFrame(`${recordHead(source, offset)}${line}}`);
export const rejectFrame = (source: number, offset: number, line: string): string =>
  formatFrame(`${rejectHead(source, offset)}${line}}`);
export const markFrame = (source: number, offset: number, mark: Mark): string =>
  formatFrame(`"s":${source},"o":${offset},"m":${JSON.stringify(mark)}}`);

/**
 * Writes a frame into `out` at `at`: `rest` as in formatFrame, the line feed too. Returns its end. What a frame
 * needs at most is maxFrameBytes(rest).
 */
export function writeFrame(out: Buffer, at: number, rest: string): number {
  const end = at + PREFIX + out.write(rest, at + PREFIX, 'utf8');
  out.write(`{"c":"${hex8(crc32(out.subarray(at + PREFIX, end)))}",`, at, 'latin1');
  out[end] = 10;
  return end + 1;
}

export const maxFrameBytes = (rest: string): number => PREFIX + rest.length * 3 + 1;

const hex8 = (n: number): string => n.toString(16).padStart(8, '0');

const PREFIX = 16; // {"c":"xxxxxxxx",
const HEAD = /^"s":(0|[1-9]\d*),(?:"o":(0|[1-9]\d*),)?"([frqm])":/;

/** Undefined for a line that is damaged or torn: its checksum is not that of its bytes. */
export function parseFrame(line: Buffer): Frame | undefined {
  if (line.length <= PREFIX + 1 || line[line.length - 1] !== 0x7d) return undefined;
  const stated = line.toString('latin1', 0, PREFIX);
  const rest = line.subarray(PREFIX);
  if (stated !== `{"c":"${hex8(crc32(rest))}",`) return undefined;
  if (rest.toString('latin1', 0, 4) === '"h":') {
    const header = parseHeader(JSON.parse(rest.toString('utf8', 4, rest.length - 1)));
    return header && { kind: 'header', header };
  }
  const head = HEAD.exec(rest.toString('latin1', 0, 64));
  if (!head) return undefined;
  const source = Number(head[1]);
  const offset = Number(head[2]);
  const body = rest.subarray(head[0].length, rest.length - 1);
  switch (head[3]) {
    case 'r':
      return { kind: 'record', source, offset, line: body };
    case 'q':
      return { kind: 'reject', source, offset, line: body };
    case 'm':
      return { kind: 'mark', source, offset, mark: JSON.parse(body.toString('utf8')) as Mark };
    default:
      return { kind: 'source', source, about: JSON.parse(body.toString('utf8')) as OpenSource };
  }
}

function parseHeader(value: unknown): OpenHeader | undefined {
  const h = value as Partial<Record<keyof OpenHeader, unknown>>;
  const owner = parseOwner(h.owner);
  if (h.form !== 'slmaudit-open/1' || !owner || typeof h.since !== 'number') return undefined;
  return { ...(value as OpenHeader), owner };
}
