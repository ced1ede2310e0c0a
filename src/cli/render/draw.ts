import type { Cell, ResultColumn } from '../../duck/job.ts';
import { printable } from '../voice.ts';

/**
 * Cells for people: a list of numbers is a sparkline, a column called `bar` or `..._bar` is drawn as bars against its
 * largest value, what could command a terminal is spelled out. Machines get the numbers.
 */
const TICKS = '▁▂▃▄▅▆▇█';
const EIGHTHS = ' ▏▎▍▌▋▊▉█';
const BAR_WIDTH = 16;

export const isBar = ({ name, numeric }: ResultColumn): boolean => numeric && /(?:^|_)bar$/.test(name);

export function shownText(cell: Cell): string {
  if (cell === null) return '';
  if (Array.isArray(cell) && cell.length > 1 && cell.every(isNumber)) return sparkline(cell);
  return printable(typeof cell === 'string' ? cell : JSON.stringify(cell));
}

/** Every row's cells as text. */
export function drawn(
  columns: readonly ResultColumn[],
  rows: readonly (readonly Cell[])[],
): readonly (readonly string[])[] {
  const most = columns.map((c, i) => (isBar(c) ? Math.max(0, ...rows.map(r => Number(r[i] ?? 0))) : 0));
  return rows.map(row =>
    columns.map((c, i) => (isBar(c) ? bar(Number(row[i] ?? 0), most[i]!) : shownText(row[i] ?? null))),
  );
}

const isNumber = (cell: Cell): cell is number | null => typeof cell === 'number' || cell === null;

function sparkline(numbers: readonly (number | null)[]): string {
  const most = Math.max(...numbers.map(n => n ?? 0));
  const least = Math.min(0, ...numbers.map(n => n ?? 0));
  const step = (most - least) / (TICKS.length - 1) || 1;
  return numbers.map(n => (n === null ? ' ' : TICKS[Math.round((n - least) / step)])).join('');
}

function bar(value: number, most: number): string {
  if (!(most > 0) || !(value > 0)) return '';
  const eighths = Math.max(1, Math.round((value / most) * BAR_WIDTH * 8));
  return (EIGHTHS[8]!.repeat(eighths >> 3) + EIGHTHS[eighths & 7]!).trimEnd();
}
