import type { Cell } from '../../../duck/job.ts';
import type { PageColumn, PageTable } from '../../../report/page.ts';
import { counted, grouped } from '../../values.ts';
import { isBar } from '../draw.ts';

/** Rows that people are shown of one table, and characters of one text; --json has all. */
const MOST_ROWS = 200;
const MOST_CHARS = 120;

/** A table as people are shown it. */
export interface ShownTable {
  readonly columns: readonly Required<PageColumn>[];
  /** Numbers stay numbers only where they are drawn. */
  readonly rows: readonly (readonly Cell[])[];
  /** What is not shown; undefined: nothing. */
  readonly note: string | undefined;
}

export function shownTable({ columns: given, rows }: PageTable): ShownTable {
  const columns = given.map(({ name, numeric = false, minor = false }) => ({ name, numeric, minor }));
  const more = rows.length - MOST_ROWS;
  return {
    columns,
    rows: rows
      .slice(0, MOST_ROWS)
      .map(row => columns.map((c, i) => (isBar(c) ? (row[i] ?? null) : shownCell(row[i])))),
    note: more > 0 ? `${grouped(MOST_ROWS)} of ${counted(rows.length, 'row')}; --json has all` : undefined,
  };
}

function shownCell(cell: Cell | undefined): Cell {
  if (cell === undefined || cell === null) return null;
  if (typeof cell === 'number') return number(cell);
  if (typeof cell !== 'string') return cell;
  return clipped(cell);
}

/** `1,234`, `0.25`: three digits behind the point at most. */
export function number(n: number): string {
  if (!Number.isFinite(n) || Math.abs(n) >= 1e15) return String(n);
  const [whole, fraction] = String(Math.round(Math.abs(n) * 1000) / 1000).split('.');
  return `${n < 0 ? '-' : ''}${grouped(Number(whole))}${fraction === undefined ? '' : `.${fraction}`}`;
}

/** Between code points: half a surrogate pair would be none. */
export function clipped(text: string, most: number = MOST_CHARS): string {
  if (text.length <= most) return text;
  const end = /[\ud800-\udbff]/.test(text[most - 2]!) ? most - 2 : most - 1;
  return `${text.slice(0, end)}…`;
}

/** Is this drawn as a line? */
export const isSpark = (cell: Cell): cell is (number | null)[] =>
  Array.isArray(cell) && cell.length > 1 && cell.every(n => n === null || typeof n === 'number');
