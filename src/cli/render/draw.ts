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

/** What a column is drawn as; all but texts lose their sense when they are cut. */
export type Kind = 'text' | 'time' | 'number' | 'bar' | 'sparkline';

export function kindsOf(
  columns: readonly ResultColumn[],
  rows: readonly (readonly Cell[])[],
): readonly Kind[] {
  return columns.map((column, i) => {
    if (isBar(column)) return 'bar';
    if (column.numeric) return 'number';
    const cells = rows.map(row => row[i] ?? null).filter(cell => cell !== null);
    if (cells.length === 0) return 'text';
    if (cells.every(isTime)) return 'time';
    const isLine = cells.every(isNumbers) && cells.some(c => (c as readonly Cell[]).length > 1);
    return isLine ? 'sparkline' : 'text';
  });
}

/** How it is drawn where there is little room. */
export interface Tight {
  readonly bar: number;
  /** Digits of a second that times have. */
  readonly digits: 6 | 3 | 0 | 'minutes';
}

const WIDE: Tight = { bar: BAR_WIDTH, digits: 6 };

/** Every row's cells as text. Fractions of seconds that are 0 in the whole column are left out. */
export function drawn(
  columns: readonly ResultColumn[],
  rows: readonly (readonly Cell[])[],
  { bar: width, digits }: Tight = WIDE,
): readonly (readonly string[])[] {
  const each = kindsOf(columns, rows).map((kind, i): ((cell: Cell) => string) => {
    const cells = rows.map(row => row[i] ?? null);
    if (kind === 'bar') {
      const most = Math.max(0, ...cells.map(Number));
      return cell => bar(Number(cell ?? 0), most, width);
    }
    if (kind === 'sparkline') return cell => (isNumbers(cell) ? sparkline(cell) : '');
    if (kind !== 'time') return shownText;
    if (digits === 'minutes') return cell => shownText(cell).replace(/:\d\d\.\d{6}Z$/, 'Z');
    const kept = cells.every(c => c === null || isWholeSecond(c)) ? 0 : digits;
    return cell =>
      shownText(cell).replace(/\.(\d{6})Z$/, (_, f: string) => `${kept > 0 ? `.${f.slice(0, kept)}` : ''}Z`);
  });
  return rows.map(row => each.map((draw, i) => draw(row[i] ?? null)));
}

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;

/** Or a minute, as pages have it. */
const DAY = /^\d{4}-\d\d-\d\d(?: \d\d:\d\d)?$/;

const isTime = (cell: Cell): boolean => typeof cell === 'string' && (TIME.test(cell) || DAY.test(cell));

const isWholeSecond = (cell: Cell): boolean => typeof cell === 'string' && cell.endsWith('.000000Z');

const isNumbers = (cell: Cell): cell is (number | null)[] =>
  Array.isArray(cell) && cell.length > 0 && cell.every(isNumber);

const isNumber = (cell: Cell): cell is number | null => typeof cell === 'number' || cell === null;

function sparkline(numbers: readonly (number | null)[]): string {
  const most = Math.max(...numbers.map(n => n ?? 0));
  const least = Math.min(0, ...numbers.map(n => n ?? 0));
  const step = (most - least) / (TICKS.length - 1) || 1;
  return numbers.map(n => (n === null ? ' ' : TICKS[Math.round((n - least) / step)])).join('');
}

function bar(value: number, most: number, width: number): string {
  if (!(most > 0) || !(value > 0)) return '';
  const eighths = Math.max(1, Math.round((value / most) * width * 8));
  return (EIGHTHS[8]!.repeat(eighths >> 3) + EIGHTHS[eighths & 7]!).trimEnd();
}
