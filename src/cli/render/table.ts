import chalk from 'chalk';
import Table from 'cli-table3';
import stringWidth from 'string-width';
import type { Cell, ResultColumn } from '../../duck/job.ts';
import type { ResultSink } from '../../duck/process.ts';
import { counted, grouped } from '../values.ts';
import { printable } from '../voice.ts';
import { drawn, isBar } from './draw.ts';
import type { Print } from './rows.ts';

/** Rows that are held to align columns; beyond, a table is not what helps. */
const MOST = 1000;
const GAP = 2;
/** A column is not cut below so many places. */
const LEAST = 8;

const PLAIN = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: ' '.repeat(GAP),
};

/** Aligned columns without lines, numbers to the right. */
export function tableSink(print: Print, width?: number): ResultSink {
  let names: readonly ResultColumn[] = [];
  const held: (readonly Cell[])[] = [];
  let more = 0;
  return {
    columns: columns => {
      names = columns;
    },
    rows(rows) {
      const room = Math.max(0, MOST - held.length);
      held.push(...rows.slice(0, room));
      more += Math.max(0, rows.length - room);
      return true;
    },
    async end() {
      const { text, notes } = fitted(names, held, width);
      if (text !== '') await print(`${text}\n`);
      const count = held.length + more;
      const tail = more > 0 ? [`${grouped(MOST)} shown; --format ndjson prints all`] : [];
      await print(`${chalk.dim([counted(count, 'row'), ...tail, ...notes].join('; '))}\n`);
    },
  };
}

/** What fits the terminal: columns that hold nothing go first, then long texts are cut, then each row is a block of lines. */
function fitted(
  columns: readonly ResultColumn[],
  rows: readonly (readonly Cell[])[],
  width: number | undefined,
): { text: string; notes: string[] } {
  if (width === undefined || width >= sum(widthsOf(columns, drawn(columns, rows))))
    return { text: tableText(columns, rows), notes: [] };
  const full = columns.map((_, i) => i).filter(i => rows.some(row => (row[i] ?? null) !== null));
  const [kept, cells] = [full.map(i => columns[i]!), rows.map(row => full.map(i => row[i] ?? null))];
  const empty = columns.length - kept.length;
  const notes = empty > 0 ? [`${counted(empty, 'empty column')} not shown`] : [];
  const widths = widthsOf(kept, drawn(kept, cells));
  const least = kept.map((c, i) => (c.numeric ? widths[i]! : Math.min(widths[i]!, LEAST)));
  if (sum(least) > width) return { text: blocks(kept, cells), notes };
  while (sum(widths) > width) {
    const spare = widths.map((w, i) => (w > least[i]! ? w : 0));
    widths[spare.indexOf(Math.max(...spare))]!--;
  }
  return { text: tableText(kept, cells, widths), notes };
}

/** With the gaps between them. */
const sum = (widths: readonly number[]): number =>
  widths.reduce((all, w) => all + w, 0) + GAP * Math.max(0, widths.length - 1);

function widthsOf(columns: readonly ResultColumn[], rows: readonly (readonly string[])[]): number[] {
  return columns.map((c, i) =>
    rows.reduce((most, row) => Math.max(most, stringWidth(row[i]!)), stringWidth(printable(c.name))),
  );
}

/** A row as lines of name and value, where a table would be too wide for anything. */
function blocks(columns: readonly ResultColumn[], rows: readonly (readonly Cell[])[]): string {
  const names = columns.map(c => printable(c.name));
  const width = Math.max(...names.map(n => stringWidth(n)));
  return drawn(columns, rows)
    .map(row =>
      row
        .map((text, i) => `${chalk.bold(names[i]!.padEnd(width))}  ${text}`)
        .filter((_, i) => row[i] !== '')
        .join('\n'),
    )
    .join('\n\n');
}

export function tableText(
  columns: readonly ResultColumn[],
  rows: readonly (readonly Cell[])[],
  widths?: readonly number[],
): string {
  const cut = (text: string, i: number): string =>
    widths === undefined || stringWidth(text) <= widths[i]! ? text : clipped(text, widths[i]!);
  const table = new Table({
    head: columns.map((c, i) => chalk.bold(cut(printable(c.name), i))),
    colAligns: columns.map(c => (c.numeric && !isBar(c) ? 'right' : 'left')),
    chars: PLAIN,
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
  });
  for (const row of drawn(columns, rows)) table.push(row.map(cut));
  return table.toString().replaceAll(/[ ]+$/gm, '');
}

function clipped(text: string, width: number): string {
  let shown = '';
  for (const sign of text) {
    if (stringWidth(shown + sign) > width - 1) break;
    shown += sign;
  }
  return `${shown}…`;
}
