import { grouped } from '../record/figures.ts';
import { searchOptions } from '../record/shell.ts';
import type { Span } from './frame.ts';

/** Numbers as a report says them. */

/** `12,345`; nothing for what isn't known. */
export const whole = (n: number | null): string => (n === null ? '' : grouped(Math.round(n)));

/** `41.2%` of so many; nothing of none. */
export function percent(part: number, all: number): string {
  if (all <= 0) return '';
  const share = (100 * part) / all;
  if (part > 0 && share < 0.1) return '<0.1%';
  return `${share === 100 || share === 0 ? share : share.toFixed(1)}%`;
}

/** `+12%`, `-3.4%`, `12×`, `from 0`, `to 0`; nothing where there is nothing to compare with, or nothing changed. */
export function changed(now: number, before: number | null | undefined): string {
  if (before === null || before === undefined || now === before) return '';
  if (before === 0) return 'from 0';
  if (now === 0) return 'to 0';
  const ratio = now / before;
  if (ratio >= 10) return `${grouped(Math.round(ratio))}×`;
  const by = 100 * (ratio - 1);
  const said = Math.abs(by) < 10 ? by.toFixed(1) : String(Math.round(by));
  return Number(said) === 0 ? '' : `${by > 0 ? '+' : ''}${said}%`;
}

/** `+1.2 pt`: how far two shares are apart, in hundredths. */
export function apart(now: readonly [number, number], before: readonly [number, number]): string {
  if (now[1] <= 0 || before[1] <= 0) return '';
  const by = 100 * (now[0] / now[1] - before[0] / before[1]);
  const said = by.toFixed(1);
  return Number(said) === 0 ? '' : `${by > 0 ? '+' : ''}${said} pt`;
}

/** Milliseconds from 1 on, whole; nothing for what isn't known. */
export const millis = (us: number | null): string =>
  us === null ? '' : us < 1000 && us > 0 ? (us / 1000).toFixed(2) : grouped(Math.round(us / 1000));

/** `0.0123`: dollars of millionths, with the digits that matter. */
export function dollars(micros: number | null): string {
  if (micros === null) return '';
  const usd = micros / 1_000_000;
  if (usd === 0) return '0';
  if (usd < 1) return String(Number(usd.toPrecision(3)));
  const [units, cents] = usd.toFixed(2).split('.') as [string, string];
  return `${grouped(Number(units))}.${cents}`;
}

/** `12% more than in the period before`; nothing where there is nothing to compare with. */
export function compared(now: number, before: number | undefined): string {
  if (before === undefined) return '';
  if (before === 0) return now === 0 ? '' : ', none in the period before';
  const by = (100 * (now - before)) / before;
  if (Math.abs(by) < 0.5) return ', as many as in the period before';
  if (by >= 900) return `, ${grouped(Math.round(now / before))} times as many as in the period before`;
  return `, ${Math.abs(by) < 10 ? Math.abs(by).toFixed(1) : grouped(Math.round(Math.abs(by)))}% ${by > 0 ? 'more' : 'less'} than in the period before`;
}

/** What a command takes for a period: `--since 2026-05-01 --until 2026-05-08T12:00:00Z`. */
export const spanOptions = ({ since, until }: Span): string =>
  `--since ${shortTs(since)} --until ${shortTs(until)}`;

/** Midnights as days, others without digits that are 0. */
export const shortTs = (ts: string): string =>
  ts
    .replace(/T00:00:00\.0{6}Z$/, '')
    .replace(/(\.\d*?)0*Z$/, '$1Z')
    .replace(/\.Z$/, 'Z');

/** `slmaudit search` for records of a period of which these are so. */
export const searchCommand = (
  span: Span,
  wanted: Parameters<typeof searchOptions>[0],
  where?: string,
): string => ['slmaudit search', ...searchOptions(wanted, where), spanOptions(span)].join(' ');
