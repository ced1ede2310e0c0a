import chalk, { Chalk, type ChalkInstance } from 'chalk';
import Table from 'cli-table3';
import stringWidth from 'string-width';
import type { Cell, ResultColumn } from '../../duck/job.ts';
import type { ResultSink } from '../../duck/process.ts';
import { counted, grouped } from '../values.ts';
import { type Drawing, fitted, GAP } from './fit.ts';
import type { Print } from './rows.ts';

/** Rows that are held to align columns; beyond, a table is not what helps. */
const MOST = 1000;

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
export function tableSink(print: Print, width?: number, plain = false): ResultSink {
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
      const drawing = fitted(names, held, width);
      const text = drawing.asBlocks ? blocks(drawing, colors) : tableText(drawing, colors);
      if (text !== '') await print(`${text}\n`);
      const tail = more > 0 ? [`${grouped(MOST)} shown; --format ndjson prints all`] : [];
      const notes = [counted(held.length + more, 'row'), ...tail, ...drawing.notes];
      const shared = drawing.shared.length > 0 ? [`in all of them: ${drawing.shared.join(', ')}`] : [];
      for (const line of [...shared, notes.join('; ')]) await print(`${colors.dim(line)}\n`);
    },
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
