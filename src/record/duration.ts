import { JsonNumber, type JsonValue } from './json.ts';

/** A span in microseconds from a number of `unit` microseconds each; digits below a microsecond are cut. */
export function readDuration(value: JsonValue | undefined, unit: number): number | undefined {
  const text =
    value instanceof JsonNumber ? plainDigits(value.text) : typeof value === 'number' ? String(value) : value;
  if (typeof text !== 'string') return undefined;
  const m = /^(\d{1,18})(?:\.(\d{1,20}))?$/.exec(text);
  if (!m) return readTiny(text, unit) ?? readUnits(text);
  const whole = BigInt(m[1]!) * BigInt(unit * 1000);
  const part = (BigInt((m[2] ?? '').slice(0, 12).padEnd(12, '0')) * BigInt(unit * 1000)) / 1_000_000_000_000n;
  const micros = Number((whole + part) / 1000n);
  return Number.isSafeInteger(micros) ? micros : undefined;
}

/** `4.5e-05`, as Python writes small floats. */
function readTiny(text: string, unit: number): number | undefined {
  if (!/^\d(?:\.\d+)?[eE]-\d{1,3}$/.test(text)) return undefined;
  return Math.floor(Number(text) * unit);
}

/** Nanoseconds of each unit. */
const UNITS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};

/** Go's durations (`1h2m3.5s`, `50.263µs`), Rust's (`1.23s`, `45.6ms`): digits below a microsecond are cut. */
function readUnits(text: string): number | undefined {
  if (!/^(?:\d{1,12}(?:\.\d{1,12})?(?:ns|us|µs|μs|ms|s|m|h)){1,6}$/.test(text)) return undefined;
  let nanos = 0n;
  for (const [, whole = '', fraction = '', unit = ''] of text.matchAll(/(\d+)(?:\.(\d+))?([a-zµμ]+)/g)) {
    const scale = UNITS[unit]!;
    nanos += BigInt(whole) * scale + (BigInt(fraction.padEnd(12, '0')) * scale) / 1_000_000_000_000n;
  }
  const micros = Number(nanos / 1000n);
  return Number.isSafeInteger(micros) ? micros : undefined;
}

/** `1.777e9` as digits; undefined where it can't be. */
export function plainDigits(text: string): string | undefined {
  const m = /^(\d+)(?:\.(\d+))?[eE]\+?(\d{1,2})$/.exec(text);
  if (!m) return text;
  const [, whole = '', fraction = '', exponent = ''] = m;
  const moved = Number(exponent);
  const padded = fraction.padEnd(moved, '0');
  const rest = padded.slice(moved);
  return `${whole}${padded.slice(0, moved)}`.replace(/^0+(?=\d)/, '') + (rest === '' ? '' : `.${rest}`);
}
