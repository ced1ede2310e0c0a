import type { Writable } from 'node:stream';
import type { ResultSink } from '../../duck/process.ts';
import type { OptionSpec } from '../command.ts';
import { printable } from '../voice.ts';
import { csvSink } from './csv.ts';
import { htmlSink } from './html.ts';
import { jsonSink } from './json.ts';
import { markdownSink } from './markdown.ts';
import { ndjsonSink } from './ndjson.ts';

/** How rows come out: table on a terminal, ndjson in a pipe. */
const ROW_FORMATS = ['table', 'json', 'ndjson', 'csv'] as const;
/** What answers of any size can also be. */
export const ANSWER_FORMATS = ['table', 'json', 'ndjson', 'csv', 'markdown', 'html', 'parquet'] as const;
export type RowFormat = Exclude<(typeof ANSWER_FORMATS)[number], 'parquet'>;

/** Of verbs that print a list. */
export const ROW_FORMAT_OPTION: OptionSpec = {
  flags: '--format <FORMAT>',
  about: 'how rows come out',
  choices: ROW_FORMATS,
  default: 'table on a terminal, ndjson in a pipe',
};

export interface Print {
  (text: string): Promise<boolean>;
  readonly isTerminal?: boolean;
}

/** Writes and waits while the reader is behind; false once the reader is gone. */
export function printer(out: Writable): Print {
  let gone = out.destroyed;
  // Standard output is not destroyed by EPIPE: only this event tells.
  for (const event of ['error', 'close']) out.on(event, () => (gone = true));
  const print = async (text: string): Promise<boolean> => {
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
  return Object.assign(print, { isTerminal: 'isTTY' in out && out.isTTY === true });
}

/** CSV is data as it is, unless it goes to a terminal: there it is spelled as in a table. */
const spelled = (print: Print): Print =>
  print.isTerminal === true ? text => print(text.split('\n').map(printable).join('\n')) : print;

/**
 * Was all of it taken, as far as a pipe tells? That the reader has gone is an event, which comes only once nothing else runs; what lay in
 * the pipe when it went is lost all the same.
 */
export async function isRead(print: Print): Promise<boolean> {
  await new Promise(resolve => void setImmediate(resolve));
  return print('');
}

export interface Shown {
  /** Columns of the terminal that a table must fit; undefined: as wide as it is. */
  readonly width?: number | undefined;
  /** Without colors: it goes to a file. */
  readonly plain?: boolean;
  /** Stands above a page. */
  readonly title?: string;
  /** Stands behind the number of a table's rows. */
  readonly notes?: readonly string[];
}

export function rowSink(
  format: RowFormat,
  print: Print,
  { width, title, plain, notes }: Shown = {},
): ResultSink {
  switch (format) {
    case 'csv':
      return csvSink(spelled(print));
    case 'html':
      return htmlSink(print, title ?? 'slmaudit');
    case 'json':
      return jsonSink(print);
    case 'markdown':
      return markdownSink(print);
    case 'ndjson':
      return ndjsonSink(print);
    case 'table':
      return late(async () => (await import('./table.ts')).tableSink(print, width, plain, notes));
  }
}

/** A sink that is loaded once it is needed: most answers are no tables, and help is none. */
function late(make: () => Promise<ResultSink>): ResultSink {
  let made: Promise<ResultSink> | undefined;
  const sink = (): Promise<ResultSink> => (made ??= make());
  return {
    columns: async columns => (await sink()).columns(columns),
    rows: async rows => (await sink()).rows(rows),
    end: async () => (await sink()).end(),
  };
}
