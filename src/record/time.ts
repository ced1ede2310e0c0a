import { plainDigits } from './duration.ts';
import { formatJson, JsonNumber, type JsonValue } from './json.ts';
import { offsetMinutes, zoneAhead } from './zone.ts';

/**
 * Times as logs write them, read into `YYYY-MM-DDTHH:MM:SS.ffffffZ` without passing through a float:
 *
 *     2026-05-01T02:00:07.603+02:00   RFC 3339, also with a space for T; without a zone UTC is assumed
 *     01/May/2026:00:00:07 +0000      Common Log Format
 *     1777593607 | 1777593607.603     seconds since 1970; or milli-, micro-, nanoseconds, told by magnitude
 *     639131904076030000              .NET ticks of 100 ns since year 1, for 2000 to 2100 (nanoseconds of 1990 else)
 */
export interface ReadTime {
  readonly ts: string;
  /** coarse: no fraction of a second was given. */
  readonly quality: 'exact' | 'assumed_zone' | 'coarse';
  /** The source's text, where digits below a microsecond were cut or a leap second was moved. */
  readonly raw?: string;
}

/** What a time that doesn't say it all is taken for. */
export interface TimeReading {
  /** Name of the zone (`Europe/Berlin`, `+02:00`, `UTC`) of times without one; UTC, and said so, if not given. */
  readonly zone?: string;
  /** Microseconds since 1970: a time without a year is the last one not after it by more than a day. */
  readonly now?: number;
}

/** Microseconds from 1970 to 2200: the times a record may have. */
const END = 7_258_118_400_000_000n;
const MILLION = 1_000_000n;

const DATE_TIME =
  /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,18}))?\s?(Z|z|UTC|[+-]\d\d(?::?\d\d)?)?$/;
const COMMON_LOG = /^(\d\d)\/([A-Z][a-z]{2})\/(\d{4}):(\d\d):(\d\d):(\d\d) ([+-]\d{4})$/;
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const DECIMAL = /^(\d{1,19})(?:\.(\d{1,18}))?$/;
const PLAIN = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;

/** Undefined for what is no time, and for times outside [1970, 2200). */
export function readTime(value: JsonValue | undefined, reading: TimeReading = {}): ReadTime | undefined {
  if (typeof value === 'number') return fromNumber(String(value));
  if (value instanceof JsonNumber) return fromNumber(plainDigits(value.text));
  if (typeof value !== 'string') return undefined;
  const read =
    fromDateTime(value) ?? fromCommonLog(value) ?? fromNumber(value) ?? fromYearless(value, reading.now);
  return read?.quality === 'assumed_zone' && reading.zone !== undefined ? inZone(read, reading.zone) : read;
}

/** A number of seconds, milli-, micro- or nanoseconds since 1970, whatever its size, as RFC 3339; undefined for none. */
export function readEpoch(value: JsonValue, unit: 's' | 'ms' | 'us' | 'ns'): string | undefined {
  const text = value instanceof JsonNumber ? plainDigits(value.text) : formatJson(value).replaceAll('"', '');
  const m = DECIMAL.exec(text ?? '');
  if (!m) return undefined;
  const below = { s: 0, ms: 3, us: 6, ns: 9 }[unit];
  const whole = m[1]!.padStart(below + 1, '0');
  const point = whole.length - below;
  const fraction = whole.slice(point) + (m[2] ?? '');
  const micros = BigInt(fraction.slice(0, 6).padEnd(6, '0'));
  const ts = made(BigInt(whole.slice(0, point)) * MILLION + micros, 'exact')?.ts;
  return fraction === '' ? ts?.replace('.000000Z', 'Z') : ts;
}

/** Of the day that was asked for last: lines of a log are seldom of many. */
const lastDay = { name: '', micros: NaN };

/** `YYYY-MM-DDTHH:MM:SS.ffffffZ` as microseconds since 1970, below 2^53; NaN for none. */
export function microsOf(ts: string): number {
  if (!PLAIN.test(ts)) return NaN;
  const [hour, minute, second] = [twoDigits(ts, 11), twoDigits(ts, 14), twoDigits(ts, 17)];
  if (hour > 23 || minute > 59 || second > 59) return NaN;
  if (!ts.startsWith(lastDay.name) || lastDay.name === '') {
    lastDay.name = ts.slice(0, 10);
    lastDay.micros = Date.parse(`${lastDay.name}T00:00:00Z`) * 1000;
  }
  return lastDay.micros + ((hour * 60 + minute) * 60 + second) * 1_000_000 + Number(ts.slice(20, 26));
}

/** Of what plainMicros() was asked last: days are `YYYYMMDD`, as a number. */
const lastPlain = { day: NaN, micros: NaN };

/** Microseconds since 1970 of the 27 bytes at `from`, if they are a time that readTime() takes as it is; NaN for others. */
export function plainMicros(bytes: Uint8Array, from: number): number {
  const year = digitsAt(bytes, from, 4);
  const [month, date] = [digitsAt(bytes, from + 5, 2), digitsAt(bytes, from + 8, 2)];
  const [hour, minute, second] = [
    digitsAt(bytes, from + 11, 2),
    digitsAt(bytes, from + 14, 2),
    digitsAt(bytes, from + 17, 2),
  ];
  for (let i = 0; i < MARKS.length; i += 2) if (bytes[from + MARKS[i]!] !== MARKS[i + 1]) return NaN;
  if (!(hour < 24 && minute < 60 && second < 60)) return NaN;
  const day = (year * 100 + month) * 100 + date;
  if (day !== lastPlain.day) {
    if (!(year >= 1970 && year < 2200 && isDay(year, month, date))) return NaN;
    lastPlain.day = day;
    lastPlain.micros = Date.UTC(year, month - 1, date) * 1000;
  }
  return lastPlain.micros + ((hour * 60 + minute) * 60 + second) * 1_000_000 + digitsAt(bytes, from + 20, 6);
}

/** Places of a plain time that are no digits, and what stands there. */
const MARKS = [4, 0x2d, 7, 0x2d, 10, 0x54, 13, 0x3a, 16, 0x3a, 19, 0x2e, 26, 0x5a] as const;
export const PLAIN_LENGTH = 27;

/** NaN where one of them is no digit. */
function digitsAt(bytes: Uint8Array, from: number, count: number): number {
  let n = 0;
  for (let i = from; i < from + count; i++) {
    const digit = bytes[i]! - 0x30;
    if (!(digit >= 0 && digit <= 9)) return NaN;
    n = n * 10 + digit;
  }
  return n;
}

/** The inverse of microsOf; undefined outside [1970, 2200). */
export function tsOfMicros(micros: number): string | undefined {
  return made(BigInt(micros), 'exact')?.ts;
}

/** `May  1 00:00:07`, as RFC 3164 has it, and `05-01 00:00:07`, as vLLM has. */
function fromYearless(text: string, now: number | undefined): ReadTime | undefined {
  const m = /^(?:([A-Z][a-z]{2}) ([ \d]\d)|(\d\d)-(\d\d)) (\d\d):(\d\d):(\d\d)$/.exec(text);
  if (!m || now === undefined) return undefined;
  const [month, day] = m[1] === undefined ? [Number(m[3]), m[4]] : [MONTHS.indexOf(m[1]) + 1, m[2]];
  const latest = now + DAY;
  const year = new Date(latest / 1000).getUTCFullYear();
  for (const y of [year, year - 1]) {
    const at = instant(y, month, Number(day), Number(m[5]), Number(m[6]), Number(m[7]), 'Z');
    if (at !== undefined && at * MILLION <= BigInt(latest)) return made(at * MILLION, 'assumed_zone', text);
  }
  return undefined;
}

const DAY = 86_400_000_000;

/** A time read as UTC, in another zone. */
function inZone(read: ReadTime, zone: string): ReadTime | undefined {
  const wall = microsOf(read.ts);
  const { minutes, sure } = zoneAhead(zone, Math.floor(wall / 1000));
  const stated = read.ts.endsWith('.000000Z') ? 'coarse' : 'exact';
  return made(BigInt(wall) - BigInt(minutes) * 60n * MILLION, sure ? stated : 'assumed_zone', read.raw);
}

const twoDigits = (text: string, at: number): number =>
  (text.charCodeAt(at) - 0x30) * 10 + text.charCodeAt(at + 1) - 0x30;

/** A text that is canonical already; undefined where it isn't, or says no real time of these years. */
function fromPlain(text: string): ReadTime | undefined {
  if (text.length !== 27 || !PLAIN.test(text)) return undefined;
  const year = twoDigits(text, 0) * 100 + twoDigits(text, 2);
  const isReal =
    year >= 1970 &&
    year < 2200 &&
    isDay(year, twoDigits(text, 5), twoDigits(text, 8)) &&
    twoDigits(text, 11) < 24 &&
    twoDigits(text, 14) < 60 &&
    twoDigits(text, 17) < 60;
  return isReal ? { ts: text, quality: 'exact' } : undefined;
}

function fromDateTime(text: string): ReadTime | undefined {
  const plain = fromPlain(text);
  if (plain) return plain;
  const m = DATE_TIME.exec(text);
  // Date.UTC takes the years 0 to 99 for 1900 to 1999.
  if (!m || Number(m[1]) < 1969) return undefined;
  const [, year, month, day, hour, minute, second, fraction = '', zone] = m;
  const at = instant(
    Number(year),
    Number(month),
    Number(day),
    Number(hour),
    Number(minute),
    Number(second),
    zone,
  );
  if (at === undefined) return undefined;
  const leap = second === '60';
  const micros = leap ? 999_999n : BigInt(fraction.slice(0, 6).padEnd(6, '0'));
  const quality = zone === undefined ? 'assumed_zone' : fraction === '' ? 'coarse' : 'exact';
  return made(at * MILLION + micros, quality, leap || /[1-9]/.test(fraction.slice(6)) ? text : undefined);
}

function fromCommonLog(text: string): ReadTime | undefined {
  const m = COMMON_LOG.exec(text);
  if (!m || Number(m[3]) < 1969) return undefined;
  const [, day, month = '', year, hour, minute, second, zone] = m;
  const named = MONTHS.indexOf(month) + 1;
  const at = instant(Number(year), named, Number(day), Number(hour), Number(minute), Number(second), zone);
  return at === undefined ? undefined : made(at * MILLION, 'coarse');
}

/** Seconds since 1970; a second of 60 counts as 59 (its fraction is set by the caller). */
function instant(
  year: number,
  month: number,
  day: number,
  hour: number,
  minute: number,
  second: number,
  zone: string | undefined,
): bigint | undefined {
  if (!isDay(year, month, day) || hour > 23 || minute > 59 || second > 60) return undefined;
  const east = offsetMinutes(zone);
  if (east === undefined) return undefined;
  const ms = Date.UTC(year, month - 1, day, hour, minute, Math.min(second, 59));
  return BigInt(ms / 1000 - east * 60);
}

function isDay(year: number, month: number, day: number): boolean {
  if (day >= 1 && day <= 28) return month >= 1 && month <= 12;
  const date = new Date(Date.UTC(year, month - 1, day));
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day && month >= 1;
}

/** 10^8.., 10^11.., 10^14.., 10^17..: seconds, milliseconds, microseconds, nanoseconds, each from 1973 on. */
function fromNumber(text: string | undefined): ReadTime | undefined {
  const m = DECIMAL.exec(text ?? '');
  if (!m) return undefined;
  const [, whole = '', fraction = ''] = m;
  const n = BigInt(whole);
  const digits = whole.length;
  if (n >= 630_822_816_000_000_000n && n < 662_380_416_000_000_000n) {
    const ticks = n - 621_355_968_000_000_000n;
    return made(ticks / 10n, 'exact', ticks % 10n === 0n ? undefined : text);
  }
  const scale = digits >= 18 ? 9 : digits >= 15 ? 6 : digits >= 12 ? 3 : digits >= 9 ? 0 : undefined;
  if (scale === undefined) return undefined;
  // All digits behind the second, then six of them.
  const below = (scale === 0 ? '' : whole.slice(-scale)) + fraction;
  const seconds = scale === 0 ? n : BigInt(whole.slice(0, -scale));
  const micros = BigInt(below.slice(0, 6).padEnd(6, '0'));
  const quality = below === '' ? 'coarse' : 'exact';
  return made(seconds * MILLION + micros, quality, /[1-9]/.test(below.slice(6)) ? text : undefined);
}

function made(micros: bigint, quality: ReadTime['quality'], raw?: string): ReadTime | undefined {
  if (micros < 0n || micros >= END) return undefined;
  return { ts: spelled(Number(micros)), quality, ...(raw !== undefined && { raw }) };
}

/** Of the day that was spelled last. */
const spelledDay = { number: NaN, name: '' };
const TWO_DIGITS = Array.from({ length: 60 }, (_, n) => String(n).padStart(2, '0'));

/** Microseconds since 1970, below END. */
function spelled(micros: number): string {
  const day = Math.floor(micros / DAY);
  if (day !== spelledDay.number) {
    spelledDay.number = day;
    spelledDay.name = new Date(day * (DAY / 1000)).toISOString().slice(0, 10);
  }
  const second = Math.floor((micros % DAY) / 1_000_000);
  const [h, m, s] = [Math.floor(second / 3600), Math.floor(second / 60) % 60, second % 60];
  const below = String(micros % 1_000_000).padStart(6, '0');
  return `${spelledDay.name}T${TWO_DIGITS[h]}:${TWO_DIGITS[m]}:${TWO_DIGITS[s]}.${below}Z`;
}
