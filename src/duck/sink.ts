import type { Cell } from './job.ts';
import type { ResultSink } from './process.ts';

/** For an answer of which nobody wants the rows. */
export const NO_SINK: ResultSink = { columns: () => undefined, rows: () => true, end: () => undefined };

/** For an answer whose columns are known: each of its rows, one after the other. */
export const rowsTo = (take: (row: readonly Cell[]) => void): ResultSink => ({
  ...NO_SINK,
  rows(rows) {
    for (const row of rows) take(row);
    return true;
  },
});
