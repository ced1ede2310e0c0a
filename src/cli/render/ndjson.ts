import type { ResultColumn } from '../../duck/job.ts';
import { objectText, type Print, type RowSink } from './rows.ts';

/** One object a line. */
export function ndjsonSink(print: Print): RowSink {
  let names: readonly ResultColumn[] = [];
  return {
    columns: columns => {
      names = columns;
    },
    rows: rows => print(rows.map(row => `${objectText(names, row)}\n`).join('')),
    end: () => Promise.resolve(),
  };
}
