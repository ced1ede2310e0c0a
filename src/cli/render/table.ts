import chalk, { Chalk, type ChalkInstance } from 'chalk';
import Table from 'cli-table3';
import stringWidth from 'string-width';
import type { Cell, ResultColumn } from '../../duck/job.ts';
import type { ResultSink } from '../../duck/process.ts';
import { counted, grouped } from '../values.ts';
import { type Drawing, fitted, GAP, MOST } from './fit.ts';
import type { Print } from './rows.ts';
import { wrapped } from './wrap.ts';

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
export function tableSink(
  print: Print,
  width?: number,
  plain = false,
  said: readonly string[] = [],
): ResultSink {
  const colors = plain ? new Chalk({ level: 0 }) : chalk;
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
      const { text, shared, notes } = drawTable(names, held, width, colors);
      if (text !== '') await print(`${text}\n`);
      const tail = more > 0 ? [`${grouped(MOST)} shown; --format ndjson prints all`] : [];
      const counts = [counted(held.length + more, 'row'), ...tail, ...said, ...notes];
      for (const line of [...shared, counts.join('; ')])
        for (const part of wrapped(line, width, 0, false).split('\n')) await print(`${colors.dim(part)}\n`);
    },
  };
}

export interface Drawn {
  /** Empty for no rows. */
  readonly text: string;
  /** What is said once and not in the table: a line, or none. */
  readonly shared: readonly string[];
  /** What was done to make it fit. */
  readonly notes: readonly string[];
}

/** Aligned columns that fit `width`, or blocks where nothing would. */
export function drawTable(
  names: readonly ResultColumn[],
  rows: readonly (readonly Cell[])[],
  width: number | undefined,
  colors: ChalkInstance,
): Drawn {
  const drawing = fitted(names, rows, width);
  const { shared, notes } = drawing;
  return {
    text: drawing.asBlocks ? blocks(drawing, colors) : tableText(drawing, colors),
    shared: shared.length > 0 ? [`in all of them: ${shared.join(', ')}`] : [],
    notes,
  };
}

/** A row as lines of name and value, where a table would be too wide for anything. */
function blocks({ head, rows }: Drawing, colors: ChalkInstance): string {
  const width = Math.max(...head.map(n => stringWidth(n)));
  return rows
    .map(row =>
      row
        .map((text, i) => `${colors.bold(head[i]!.padEnd(width))}  ${text}`)
        .filter((_, i) => row[i] !== '')
        .join('\n'),
    )
    .join('\n\n');
}

function tableText({ head, right, rows }: Drawing, colors: ChalkInstance): string {
  const table = new Table({
    head: head.map(name => colors.bold(name)),
    colAligns: right.map(isRight => (isRight ? 'right' : 'left')),
    chars: PLAIN,
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
  });
  for (const row of rows) table.push([...row]);
  return table.toString().replaceAll(/[ ]+$/gm, '');
}
