import { type Cell, objectTexts } from '../../duck/job.ts';
import type { ResultSink } from '../../duck/process.ts';
import type { Print } from './rows.ts';

/** One array of objects. */
export function jsonSink(print: Print): ResultSink {
  let textOf: (row: readonly Cell[]) => string;
  let first = true;
  return {
    columns: columns => {
      textOf = objectTexts(columns);
    },
    rows(rows) {
      const text = rows.map(row => textOf(row)).join(',\n ');
      const lead = first ? '[' : ',\n ';
      first = false;
      return print(lead + text);
    },
    async end() {
      await print(first ? '[]\n' : ']\n');
    },
  };
}
