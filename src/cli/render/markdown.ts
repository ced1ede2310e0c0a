import type { ResultColumn } from '../../duck/job.ts';
import type { ResultSink } from '../../duck/process.ts';
import { printable } from '../voice.ts';
import { shownText } from './draw.ts';
import { markdownText } from './escape.ts';
import type { Print } from './rows.ts';

/** A table of GitHub's Markdown. What is a command of Markdown or HTML in a value is escaped. */
export function markdownSink(print: Print): ResultSink {
  let names: readonly ResultColumn[] = [];
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |\n`;
  return {
    async columns(columns) {
      names = columns;
      await print(line(columns.map(c => markdownText(printable(c.name)))));
      await print(line(columns.map(c => (c.numeric ? '--:' : '---'))));
    },
    rows: rows =>
      print(rows.map(row => line(names.map((_, i) => markdownText(shownText(row[i] ?? null))))).join('')),
    end: () => undefined,
  };
}
