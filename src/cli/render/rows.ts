import type { Writable } from 'node:stream';
import type { Cell, ResultColumn } from '../../duck/job.ts';
import type { ResultSink } from '../../duck/process.ts';
import { csvSink } from './csv.ts';
import { jsonSink } from './json.ts';
import { ndjsonSink } from './ndjson.ts';
import { tableSink } from './table.ts';

/** How rows come out: table on a terminal, ndjson in a pipe. */
export const ROW_FORMATS = ['table', 'json', 'ndjson', 'csv'] as const;
export type RowFormat = (typeof ROW_FORMATS)[number];

/** A sink that also has to be told when the rows are over. */
export interface RowSink extends ResultSink {
  end(): Promise<void>;
}

export type Print = (text: string) => Promise<boolean>;

/** Writes and waits while the reader is behind; false once the reader is gone. */
export function printer(out: Writable): Print {
  let gone = false;
  // Standard output is not destroyed by EPIPE: only this event tells.
  for (const event of ['error', 'close']) out.on(event, () => (gone = true));
  return async text => {
    if (gone) return false;
    if (text === '' || out.write(text)) return true;
    await new Promise<void>(resolve => {
      const done = (): void => {
        out.off('drain', done).off('close', done).off('error', done);
        resolve();
      };
      out.on('drain', done).on('close', done).on('error', done);
    });
    return !gone;
  };
}

export function rowSink(format: RowFormat, print: Print): RowSink {
  switch (format) {
    case 'csv':
      return csvSink(print);
    case 'json':
      return jsonSink(print);
    case 'ndjson':
      return ndjsonSink(print);
    case 'table':
      return tableSink(print);
  }
}

/** One JSON object a row, its members in the order of the columns. */
export function objectText(columns: readonly ResultColumn[], row: readonly Cell[]): string {
  return `{${columns.map((c, i) => `${JSON.stringify(c.name)}:${JSON.stringify(row[i] ?? null)}`).join(',')}}`;
}
