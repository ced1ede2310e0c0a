import { AuditError } from '../errors.ts';
import { readTime } from '../record/time.ts';
import { isZone } from '../record/zone.ts';

export { counted, grouped } from '../record/figures.ts';

/** What people write for spans and sizes: `60s`, `1h30m`, `250ms`; `16MiB`, `8M`, `4096`. */
const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const SIZES: Readonly<Record<string, number>> = { '': 1, b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/** Milliseconds; a bare number is seconds. */
export function readSpan(text: string, option: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  const parts = [...text.matchAll(/(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d)/g)];
  if (parts.length === 0 || parts.map(p => p[0]).join('') !== text) {
    throw usage(`${option} takes a span such as 60s, 5m or 1h, not "${text}"`);
  }
  return parts.reduce((sum, [, n, unit]) => sum + Number(n) * UNITS[unit!]!, 0);
}

/** Bytes. */
export function readSize(text: string, option: string): number {
  const parts = /^(\d{1,12})(b|k|m|g|)(?:i?b)?$/i.exec(text);
  if (!parts) throw usage(`${option} takes a size such as 16MiB, 512K or 4096, not "${text}"`);
  return Number(parts[1]) * SIZES[parts[2]!.toLowerCase()]!;
}

/** `1_000` and `1,000` are a thousand. Throws USAGE. */
export function readCount(text: string, option: string, least = 1): number {
  const n = Number(text.replaceAll(/[_,]/g, ''));
  if (!/^\d[\d_,]*$/.test(text) || !Number.isSafeInteger(n) || n < least) {
    throw usage(`${option} takes a whole number from ${least} on, not "${text}"`);
  }
  return n;
}

/** Undefined stays undefined. */
export function readZone(zone: string | undefined): string | undefined {
  if (zone !== undefined && !isZone(zone))
    throw usage(`"${zone}" is no time zone; use a name such as Europe/Berlin, or an offset such as +02:00`);
  return zone;
}

/** A day or an RFC 3339 time, as records have it; undefined stays undefined. */
export function readInstant(text: string | undefined, option: string): string | undefined {
  if (text === undefined) return undefined;
  const read = readTime(/^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00:00Z` : text);
  if (!read) throw usage(`${option} takes a day or a time such as 2026-05-01T00:00:07Z, not "${text}"`);
  return read.ts;
}

/** `7` or `7-9`. */
export function readRange(text: string | undefined, option: string): [number, number] | undefined {
  if (text === undefined) return undefined;
  const [, from, to = from] = /^(\d{1,15})(?:-(\d{1,15}))?$/.exec(text) ?? [];
  if (from === undefined || Number(from) > Number(to))
    throw usage(`${option} takes a number or a range such as 7-9, not "${text}"`);
  return [Number(from), Number(to)];
}

/** `a,b`: each one of `known`. */
export function readList(text: string, option: string, known: readonly string[]): string[] {
  const items = text.split(',').filter(item => item !== '');
  const strange = items.find(item => !known.includes(item));
  if (strange !== undefined)
    throw usage(`${option} takes a list of ${known.join(', ')}; "${strange}" is none of them`);
  return items;
}

/** Until it is known which verb was asked: see main(). */
export const HELP_HINT = 'run `slmaudit help` or add --help';

export function usage(message: string): AuditError {
  return new AuditError('USAGE', message, { hint: HELP_HINT });
}

/** `117.2 MB`, decimal, as disks are sold. */
export function humanBytes(n: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  let [value, unit] = [n, 0];
  while (value >= 1000 && unit < units.length - 1) [value, unit] = [value / 1000, unit + 1];
  return unit === 0 ? `${n} bytes` : `${value.toFixed(1)} ${units[unit]}`;
}
