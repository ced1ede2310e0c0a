import { AuditError } from '../errors.ts';

/**
 * The lines of an entry (SPEC 4): a key and its values, one space between, each value bytes 0x21-0x7E, all
 * other bytes and `%` as `%XX` in upper-case hex. Values are text here; the escapes live only on disk.
 *
 *     source gateway.ndjson 3f1c0a... 0 1048576 mYq3...
 */
export interface EntryLine {
  readonly key: string;
  readonly values: readonly string[];
}

const MAX_LINE_BYTES = 8192;
const KEY = /^[a-z][a-z0-9]*$/;

export function malformed(what: string): AuditError {
  return new AuditError('ENTRY_MALFORMED', `malformed entry: ${what}`);
}

export function formatLine(line: EntryLine): string {
  return [line.key, ...line.values.map(escapeValue)].join(' ');
}

/** A line that is canonical as it stands: values need no escapes and hold none, one space between. */
const PLAIN_LINE = /^[a-z][a-z0-9]*(?: [\x21-\x24\x26-\x7e]+)*$/;

const scratch = Buffer.alloc(3 * MAX_LINE_BYTES);

/** A text that keeps no other alive: one that was cut from a note keeps the whole note. Of a buffer of its own, much else would be kept. */
export function owned(text: string): string {
  const bytes = text.length > MAX_LINE_BYTES ? Buffer.alloc(3 * text.length) : scratch;
  return bytes.toString('utf8', 0, bytes.write(text, 'utf8'));
}

/** The inverse of formatLine for canonical text only; throws ENTRY_MALFORMED for everything else. */
export function parseLine(text: string): EntryLine {
  if (text.length > MAX_LINE_BYTES) throw malformed('a line is longer than 8,192 bytes');
  // Of half a million entries values are held: each keeps its line alive, not its note.
  const [key = '', ...values] = owned(text).split(' ');
  if (PLAIN_LINE.test(text)) return { key, values };
  if (!KEY.test(key)) throw malformed(`"${key.slice(0, 40)}" is not a key`);
  const line = { key, values: values.map(unescapeValue) };
  if (formatLine(line) !== text) throw malformed(`the ${key} line is not in canonical form`);
  return line;
}

/** What needs no escapes, as most values do. */
const PLAIN = /^[\x21-\x24\x26-\x7e]+$/;

function escapeValue(value: string): string {
  if (value === '') throw malformed('an empty value');
  if (PLAIN.test(value)) return value;
  let out = '';
  for (const byte of Buffer.from(value, 'utf8')) {
    out +=
      byte > 0x20 && byte < 0x7f && byte !== 0x25
        ? String.fromCharCode(byte)
        : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return out;
}

function unescapeValue(text: string): string {
  if (!text.includes('%')) return text;
  const latin = text.replace(/%([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
  return Buffer.from(latin, 'latin1').toString('utf8');
}

/** A decimal integer without leading zeros, below 2^53. */
export function parseCount(text: string, what: string): number {
  const n = Number(text);
  if (!/^(0|[1-9][0-9]{0,15})$/.test(text) || !Number.isSafeInteger(n))
    throw malformed(`${what} is not a count`);
  return n;
}

/** 32 and 16 bytes in lower-case hex. */
export const HEX64: RegExp = /^[0-9a-f]{64}$/;
export const HEX32: RegExp = /^[0-9a-f]{32}$/;

const DIGEST = /^[A-Za-z0-9+/]{43}=$/;

/** 32 bytes in canonical base64. In memory of their own: a piece of Node's pool, kept with each of half a million entries, keeps 400 more. */
export function parseDigest(text: string, what: string): Buffer {
  const bytes = Buffer.alloc(32);
  if (!DIGEST.test(text) || bytes.write(text, 'base64') !== 32 || bytes.toString('base64') !== text) {
    throw malformed(`${what} is not a SHA-256 digest`);
  }
  return bytes;
}

const INSTANT = /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{6}Z$/;
/** Every month has so many days. */
const ALWAYS = 28;

/** `YYYY-MM-DDTHH:MM:SS.ffffffZ`, a real day; compares as text. */
export function parseInstant(text: string, what: string): string {
  if (!INSTANT.test(text) || (Number(text.slice(8, 10)) > ALWAYS && !isReal(text)))
    throw malformed(`${what} is not a time`);
  return text;
}

const isReal = (text: string): boolean =>
  new Date(`${text.slice(0, 23)}Z`).toISOString().slice(0, 10) === text.slice(0, 10);
