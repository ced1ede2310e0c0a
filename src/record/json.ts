/**
 * JSON as evidence needs it (RFC 8259, I-JSON): duplicate member names are refused, since two readers would see
 * two records; numbers keep their digits; a lone surrogate becomes U+FFFD. JSON.parse does none of the three.
 */
export type JsonValue = null | boolean | number | string | JsonNumber | JsonValue[] | JsonObject;
export type JsonObject = Map<string, JsonValue>;

/** A number that is no integer below 2^53, in the digits of its source. */
export class JsonNumber {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

export type JsonFault = 'not_json' | 'duplicate_member' | 'too_deep';

export class JsonError extends Error {
  readonly reason: JsonFault;
  /** UTF-16 offset in the text. */
  readonly at: number;
  constructor(reason: JsonFault, at: number) {
    super(`${reason} at ${at}`);
    this.reason = reason;
    this.at = at;
  }
}

const MAX_DEPTH = 64;

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const SAFE = /^(?:0|-?[1-9]\d{0,14})$/;
const CONTROL = /[\u0000-\u001f]/;
/** What a string of JSON can't be taken as it stands for. A text has one look; most have none of it. */
const ESCAPED = /[\\\u0000-\u001f]/;
const MOST_DIGITS = 15;

// Of the text that is being parsed: one at a time, and nothing else runs meanwhile. (Closures made anew for each take a tenth of its time.)
let all = '';
let here = 0;
/** Nothing in the text is escaped, nor a control character. */
let isPlain = false;

/** Throws JsonError. */
export function parseJson(source: string): JsonValue {
  all = source;
  here = 0;
  isPlain = !ESCAPED.test(source);
  const whole = anyValue(0);
  space();
  return here === all.length ? whole : fail();
}

function fail(reason: JsonFault = 'not_json'): never {
  throw new JsonError(reason, here);
}

/** The next character that is no white space; NaN at the end. */
function space(): number {
  for (;;) {
    const c = all.charCodeAt(here);
    if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) return c;
    here++;
  }
}

function anyValue(depth: number): JsonValue {
  switch (space()) {
    case 0x22:
      return string();
    case 0x7b:
      return depth >= MAX_DEPTH ? fail('too_deep') : object(depth + 1);
    case 0x5b:
      return depth >= MAX_DEPTH ? fail('too_deep') : array(depth + 1);
    case 0x74:
      return word('true', true);
    case 0x66:
      return word('false', false);
    case 0x6e:
      return word('null', null);
    default:
      return number();
  }
}

function word<T>(name: string, meaning: T): T {
  if (!all.startsWith(name, here)) fail();
  here += name.length;
  return meaning;
}

function number(): number | JsonNumber {
  // Most are whole and short.
  let end = here;
  let n = 0;
  for (let c = all.charCodeAt(end); c >= 0x30 && c <= 0x39; c = all.charCodeAt(++end)) n = n * 10 + c - 0x30;
  const digits = end - here;
  const next = all.charCodeAt(end);
  const isWhole = next === 0x2c || next === 0x7d || next === 0x5d;
  if (isWhole && digits > 0 && digits <= MOST_DIGITS && (digits === 1 || all.charCodeAt(here) !== 0x30)) {
    here = end;
    return n;
  }
  NUMBER.lastIndex = here;
  const found = NUMBER.exec(all)?.[0];
  if (found === undefined) return fail();
  here += found.length;
  return SAFE.test(found) ? Number(found) : new JsonNumber(found);
}

function string(): string {
  const start = here + 1;
  let end = all.indexOf('"', start);
  if (end < 0) return fail();
  let raw = all.slice(start, end);
  if (isPlain) {
    here = end + 1;
    return raw;
  }
  if (!raw.includes('\\')) {
    if (CONTROL.test(raw)) fail();
    here = end + 1;
    return raw;
  }
  // A quote is the closing one behind an even number of backslashes.
  while (backslashesBefore(all, end) % 2 === 1) {
    end = all.indexOf('"', end + 1);
    if (end < 0) return fail();
  }
  raw = all.slice(here, end + 1);
  try {
    const parsed = (JSON.parse(raw) as string).toWellFormed();
    here = end + 1;
    return parsed;
  } catch {
    return fail();
  }
}

function array(depth: number): JsonValue[] {
  here++;
  const items: JsonValue[] = [];
  if (space() === 0x5d) {
    here++;
    return items;
  }
  for (;;) {
    items.push(anyValue(depth));
    const c = space();
    here++;
    if (c === 0x5d) return items;
    if (c !== 0x2c) fail();
  }
}

function object(depth: number): JsonObject {
  here++;
  const members: JsonObject = new Map();
  if (space() === 0x7d) {
    here++;
    return members;
  }
  for (;;) {
    if (space() !== 0x22) fail();
    const name = string();
    if (members.has(name)) fail('duplicate_member');
    if (space() !== 0x3a) fail();
    here++;
    members.set(name, anyValue(depth));
    const c = space();
    here++;
    if (c === 0x7d) return members;
    if (c !== 0x2c) fail();
  }
}

function backslashesBefore(text: string, at: number): number {
  let count = 0;
  while (text.charCodeAt(at - 1 - count) === 0x5c) count++;
  return count;
}

/** What JSON.stringify would escape, or a lone surrogate. Asking costs a third of stringifying. */
const SPECIAL = /["\\\u0000-\u001f\ud800-\udfff]/;

/** A JSON string, as RFC 8785 and JSON.stringify write it. */
export function formatString(text: string): string {
  return SPECIAL.test(text) ? JSON.stringify(text) : `"${text}"`;
}

/** Compact text, members in their order, numbers in their source's digits. */
export function formatJson(value: JsonValue): string {
  if (value instanceof JsonNumber) return value.text;
  if (Array.isArray(value)) return `[${value.map(formatJson).join(',')}]`;
  if (value instanceof Map) {
    return `{${[...value].map(([name, v]) => `${formatString(name)}:${formatJson(v)}`).join(',')}}`;
  }
  return typeof value === 'string' ? formatString(value) : String(value);
}

/** RFC 8785: members sorted by UTF-16 code units, numbers as ECMAScript writes them. */
export function formatCanonicalJson(value: JsonValue): string {
  if (value instanceof JsonNumber) return JSON.stringify(Number(value.text));
  if (Array.isArray(value)) return `[${value.map(formatCanonicalJson).join(',')}]`;
  if (value instanceof Map) {
    const members = [...value].sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${members.map(([name, v]) => `${formatString(name)}:${formatCanonicalJson(v)}`).join(',')}}`;
  }
  return typeof value === 'string' ? formatString(value) : String(value);
}
