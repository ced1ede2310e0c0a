import stringWidth from 'string-width';
import type { Cell, ResultColumn } from '../../duck/job.ts';
import { counted } from '../values.ts';
import { printable } from '../voice.ts';
import { drawn, kindsOf, shownText, type Tight } from './draw.ts';

/** Between columns. */
export const GAP = 2;
/** Rows that are held to align columns; beyond, a table is not what helps. */
export const MOST = 1000;
/** A text is not cut below so many places, a sparkline not below the hours of a day. */
const LEAST = 6;
const LEAST_LINE = 24;
const TIGHT: Tight = { bar: 8, digits: 3 };
const TIGHTER: Tight = { bar: 4, digits: 0 };
const TIGHTEST: Tight = { bar: 4, digits: 'minutes' };

/** A table as it will stand there. */
export interface Drawing {
  /** May have several lines. */
  readonly head: readonly string[];
  /** Which columns are aligned right. */
  readonly right: readonly boolean[];
  readonly rows: readonly (readonly string[])[];
  /** No table would fit: each row is a block of lines. */
  readonly asBlocks: boolean;
  /** Some texts have only their beginning. */
  readonly isCut: boolean;
  /** What is the same in all rows and so not in the table: names and values. */
  readonly shared: readonly string[];
  /** What was done to make it fit. */
  readonly notes: readonly string[];
}

type Content = Pick<Made, 'columns' | 'cells' | 'notes' | 'shared'>;

interface Made extends Drawing {
  readonly columns: readonly ResultColumn[];
  readonly cells: readonly (readonly Cell[])[];
}

/**
 * Makes rows fit `width`. As far as needed, in this order: columns that hold nothing go; times are shown to the millisecond, bars
 * are shorter, names stand in lines; a value that all rows share is said once; times are shown to the second; long texts are
 * cut; times are shown to the minute; each row is a block.
 */
export function fitted(
  columns: readonly ResultColumn[],
  cells: readonly (readonly Cell[])[],
  width: number | undefined,
): Drawing {
  if (cells.length === 0) return made({ columns: [], cells: [], notes: [], shared: [] }, undefined);
  const whole = made({ columns, cells, notes: [], shared: [] }, undefined);
  if (width === undefined || sum(whole) <= width) return whole;
  const full = columns.map((_, i) => i).filter(i => cells.some(row => shownText(row[i] ?? null) !== ''));
  const empty = columns.length - full.length;
  const notes = empty > 0 ? [`${counted(empty, 'empty column')} not shown`] : [];
  const content = {
    columns: only(columns, full),
    cells: cells.map(row => only(row, full)),
    notes,
    shared: [],
  };
  let tight = made(content, TIGHT);
  for (const how of [TIGHT, TIGHTER]) {
    tight = made(content, how);
    for (let next = sharedOut(tight); next && sum(tight) > width; next = sharedOut(next))
      tight = made(next, how);
    if (sum(tight) <= width) return tight;
  }
  const last = { ...tight, notes: [...tight.notes, 'times are to the minute'] };
  return (
    cut(tight, width) ?? cut(made(last, TIGHTEST), width) ?? { ...made(content, undefined), asBlocks: true }
  );
}

/** How wide a table is with all that it holds. */
export const naturalWidth = (columns: readonly ResultColumn[], cells: readonly (readonly Cell[])[]): number =>
  sum(made({ columns, cells, notes: [], shared: [] }, undefined));

function made(content: Content, tight: Tight | undefined): Made {
  const { columns, cells } = content;
  const rows = drawn(columns, cells, tight);
  const head = columns.map(({ name }, i) =>
    tight ? inLines(printable(name), widest(rows.map(row => row[i]!))) : printable(name),
  );
  const right = kindsOf(columns, cells).map(kind => kind === 'number');
  return { ...content, head, right, rows, asBlocks: false, isCut: false };
}

/** Takes out the widest text that is the same in all rows, or, where there is none, the widest such number; undefined if there is neither. */
function sharedOut({ columns, cells, notes, shared }: Content): Content | undefined {
  if (cells.length < 2 || columns.length < 2) return undefined;
  const first = cells[0]!.map(shownText);
  const [place] = columns
    .map((_, i) => i)
    .filter(i => cells.every(row => shownText(row[i] ?? null) === first[i]))
    .sort(
      (a, b) =>
        Number(columns[a]!.numeric) - Number(columns[b]!.numeric) ||
        stringWidth(first[b]!) - stringWidth(first[a]!),
    );
  if (place === undefined) return undefined;
  const others = columns.map((_, i) => i).filter(i => i !== place);
  return {
    columns: only(columns, others),
    cells: cells.map(row => only(row, others)),
    notes,
    shared: [...shared, `${printable(columns[place]!.name)} ${first[place]!.replace(/\.0{6}Z$/, 'Z')}`],
  };
}

/** Cuts texts, the widest first; undefined if that is not enough. */
function cut(drawing: Made, width: number): Drawing | undefined {
  const { columns, cells, head, rows, notes } = drawing;
  const widths = [...widthsOf(drawing)];
  const least = kindsOf(columns, cells).map((kind, i) => {
    if (kind === 'text') return Math.min(widths[i]!, LEAST);
    return kind === 'sparkline' ? Math.min(widths[i]!, LEAST_LINE) : widths[i]!;
  });
  if (all(least) > width) return undefined;
  const isWhole = all(widths) <= width;
  while (all(widths) > width) {
    const spare = widths.map((w, i) => (w > least[i]! ? w : 0));
    widths[spare.indexOf(Math.max(...spare))]!--;
  }
  const fit = (text: string, i: number): string =>
    stringWidth(text) <= widths[i]! ? text : clipped(text, widths[i]!);
  return {
    ...drawing,
    isCut: !isWhole,
    head: head.map((name, i) =>
      name
        .split('\n')
        .map(line => fit(line, i))
        .join('\n'),
    ),
    rows: rows.map(row => row.map(fit)),
    notes: isWhole ? notes : [...notes, 'long texts are cut; --json has them'],
  };
}

const only = <T>(list: readonly T[], places: readonly number[]): readonly T[] => places.map(i => list[i]!);

/** `input_tokens` in two lines where what stands below is narrower. */
function inLines(name: string, width: number): string {
  const parts = name.split(/(?<=_)/);
  const most = Math.max(width, ...parts.map(part => stringWidth(part)));
  const lines: string[] = [];
  for (const part of parts) {
    const last = lines.at(-1);
    if (last !== undefined && stringWidth(last + part) <= most) lines[lines.length - 1] = last + part;
    else lines.push(part);
  }
  return lines.join('\n');
}

const widest = (texts: readonly string[]): number =>
  texts.reduce((most, t) => Math.max(most, stringWidth(t)), 0);

const widthsOf = ({ head, rows }: Drawing): readonly number[] =>
  head.map((name, i) => widest([...name.split('\n'), ...rows.map(row => row[i]!)]));

/** With the gaps between them. */
const all = (widths: readonly number[]): number =>
  widths.reduce((total, w) => total + w, 0) + GAP * Math.max(0, widths.length - 1);

const sum = (drawing: Drawing): number => all(widthsOf(drawing));

/** The beginning of a text that is wider than that. */
export function clipped(text: string, width: number): string {
  let shown = '';
  for (const sign of text) {
    if (stringWidth(shown + sign) > width - 1) break;
    shown += sign;
  }
  return `${shown}…`;
}
