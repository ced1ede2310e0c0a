import { AuditError } from '../errors.ts';
import { sha256 } from '../keys/hash.ts';
import { formatVkey, parseVkey, type VerifierKey } from '../note/key.ts';
import {
  type EntryLine,
  formatLine,
  malformed,
  parseCount,
  parseDigest,
  parseInstant,
  parseLine,
} from './line.ts';
import { checkOrigin } from './origin.ts';

/**
 * The frame of every entry, for every kind and version to come (SPEC 4):
 *
 *     <origin>/e/<i>                   the only statement of origin and index
 *     <record count>                   manifests only
 *     <base64 RFC 6962 root>           manifests only
 *     slmaudit/<kind>/v<N>
 *     at <time>
 *     clock <its own>                  only where the clock had gone back
 *     prev <base64 SHA-256 of the note before>   absent in genesis
 *     ...the kind's own lines...
 *     next <vkey of epoch i+1>         absent in close
 */
export interface Entry {
  readonly origin: string;
  readonly index: number;
  readonly records?: { readonly count: number; readonly root: Buffer };
  readonly kind: string;
  readonly version: number;
  readonly at: string;
  readonly clock?: string;
  readonly prev?: Buffer;
  readonly lines: readonly EntryLine[];
  readonly next?: VerifierKey;
}

/** C2SP tlog-tiles: an entry's length is a u16. */
export const MAX_ENTRY_BYTES = 65_535;

const KIND = /^slmaudit\/([a-z]+)\/v([1-9][0-9]{0,3})$/;

export function entryName(origin: string, index: number): string {
  return `${origin}/e/${index}`;
}

/** The text of its note, as it is signed. Throws ENTRY_MALFORMED for an empty value, and nothing else is checked. */
export function formatEntry(e: Entry): string {
  const head = [entryName(e.origin, e.index)];
  if (e.records) head.push(String(e.records.count), e.records.root.toString('base64'));
  head.push(`slmaudit/${e.kind}/v${e.version}`);
  const lines: EntryLine[] = [{ key: 'at', values: [e.at] }];
  if (e.clock !== undefined) lines.push({ key: 'clock', values: [e.clock] });
  if (e.prev) lines.push({ key: 'prev', values: [e.prev.toString('base64')] });
  lines.push(...e.lines);
  if (e.next) lines.push({ key: 'next', values: [formatVkey(e.next)] });
  return [...head, ...lines.map(formatLine)].join('\n') + '\n';
}

/** Parses the text of an entry's note. Canonical text only; throws ENTRY_MALFORMED. */
export function parseEntry(text: string): Entry {
  const rows = text.split('\n');
  if (rows.pop() !== '') throw malformed('it does not end with a line feed');
  const at = rows[0]?.lastIndexOf('/e/') ?? -1;
  if (at < 0) throw malformed('its first line names no log and index');
  const origin = checkOrigin(rows[0]!.slice(0, at));
  const index = parseCount(rows[0]!.slice(at + 3), 'the index');
  let row = 1;
  let records: { count: number; root: Buffer } | undefined;
  if (/^[0-9]/.test(rows[row] ?? '')) {
    records = {
      count: parseCount(rows[row]!, 'the record count'),
      root: parseDigest(rows[row + 1] ?? '', 'the root'),
    };
    row += 2;
  }
  const kind = KIND.exec(rows[row] ?? '');
  if (!kind) throw malformed('no kind');
  const lines = rows.slice(row + 1).map(parseLine);
  const take = (key: string): string | undefined => {
    if (lines[0]?.key !== key) return undefined;
    const line = lines.shift();
    if (line?.values.length !== 1) throw malformed(`the ${key} line has not one value`);
    return line.values[0];
  };
  const stated = take('at');
  if (stated === undefined) throw malformed('no time');
  const clock = take('clock');
  const prev = take('prev');
  const last = lines.at(-1)?.key === 'next' ? lines.pop() : undefined;
  if (last && last.values.length !== 1) throw malformed('the next line has not one value');
  if (lines.some(l => ['at', 'clock', 'prev', 'next'].includes(l.key)))
    throw malformed('a line of the frame is repeated');
  const entry: Entry = {
    origin,
    index,
    kind: kind[1]!,
    version: Number(kind[2]),
    at: parseInstant(stated, 'at'),
    lines,
    ...(records && { records }),
    ...(clock !== undefined && { clock: parseInstant(clock, 'clock') }),
    ...(prev !== undefined && { prev: parseDigest(prev, 'prev') }),
    ...(last && { next: nextKey(last.values[0]!) }),
  };
  if (formatEntry(entry) !== text) throw malformed('it is not in canonical form');
  return entry;
}

function nextKey(vkey: string): VerifierKey {
  try {
    return parseVkey(vkey);
  } catch (cause) {
    throw new AuditError('ENTRY_MALFORMED', 'malformed entry: next is not a verifier key', { cause });
  }
}

/** What the entry after this one names as `prev`: SHA-256 of the whole note. */
export function entryHash(note: Uint8Array): Buffer {
  return sha256(note);
}
