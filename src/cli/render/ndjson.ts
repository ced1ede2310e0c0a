import { objectText, type ResultColumn } from '../../duck/job.ts';
import type { ResultSink } from '../../duck/process.ts';
import type { Print } from './rows.ts';

/** One object a line. */
export function ndjsonSink(print: Print): ResultSink {
  let names: readonly ResultColumn[] = [];
  return {
    columns: columns => {
      names = columns;
    },
    rows: rows => print(rows.map(row => `${objectText(names, row)}\n`).join('')),
    end: () => undefined,
  };
}
