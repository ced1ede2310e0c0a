import { type Cell, objectTexts } from '../../duck/job.ts';
import type { ResultSink } from '../../duck/process.ts';
import type { Print } from './rows.ts';

/** One object a line. */
export function ndjsonSink(print: Print): ResultSink {
  let textOf: (row: readonly Cell[]) => string;
  return {
    columns: columns => {
      textOf = objectTexts(columns);
    },
    rows: rows => print(rows.map(row => `${textOf(row)}\n`).join('')),
    end: () => undefined,
  };
}
