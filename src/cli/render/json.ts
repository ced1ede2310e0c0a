import { objectText, type ResultColumn } from '../../duck/job.ts';
import type { ResultSink } from '../../duck/process.ts';
import type { Print } from './rows.ts';

/** One array of objects. */
export function jsonSink(print: Print): ResultSink {
  let names: readonly ResultColumn[] = [];
  let first = true;
  return {
    columns: columns => {
      names = columns;
    },
    rows(rows) {
      const text = rows.map(row => objectText(names, row)).join(',\n ');
      const lead = first ? '[' : ',\n ';
      first = false;
      return print(lead + text);
    },
    async end() {
      await print(first ? '[]\n' : ']\n');
    },
  };
}
