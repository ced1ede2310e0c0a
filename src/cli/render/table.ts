import chalk from 'chalk';
import Table from 'cli-table3';
import type { Cell, ResultColumn } from '../../duck/job.ts';
import { grouped } from '../values.ts';
import { printable } from '../voice.ts';
import type { Print, RowSink } from './rows.ts';

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
  middle: '  ',
};

/** Aligned columns without lines, numbers to the right. */
export function tableSink(print: Print): RowSink {
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
      await print(`${tableText(names, held)}\n`);
      const count = held.length + more;
      const tail =
        more > 0
          ? `${grouped(count)} rows, ${grouped(MOST)} shown; --format ndjson prints all`
          : `${grouped(count)} ${count === 1 ? 'row' : 'rows'}`;
      await print(`${chalk.dim(tail)}\n`);
    },
  };
}

export function tableText(columns: readonly ResultColumn[], rows: readonly (readonly Cell[])[]): string {
  const table = new Table({
    head: columns.map(c => chalk.bold(printable(c.name))),
    colAligns: columns.map(c => (c.numeric ? 'right' : 'left')),
    chars: PLAIN,
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
  });
  for (const row of rows) table.push(columns.map((_, i) => shown(row[i] ?? null)));
  return table.toString().replaceAll(/[ ]+$/gm, '');
}

function shown(cell: Cell): string {
  if (cell === null) return '';
  return printable(typeof cell === 'string' ? cell : JSON.stringify(cell));
}
