import type { Writable } from 'node:stream';
import type { ResultSink } from '../../duck/process.ts';
import { UNSEEN } from '../../record/unseen.ts';
import type { OptionSpec } from '../command.ts';
import { printable } from '../voice.ts';
import { csvSink } from './csv.ts';
import { htmlSink } from './html.ts';
import { jsonSink } from './json.ts';
import { markdownSink } from './markdown.ts';
import { ndjsonSink } from './ndjson.ts';

/** How rows come out: table on a terminal, ndjson in a pipe. */
export const ROW_FORMATS = ['table', 'json', 'ndjson', 'csv'] as const;
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

/**
 * For what machines read, which is data as it is, unless it goes to a terminal: there nothing of it is obeyed. In JSON it is escaped, which
 * is the same value; in CSV spelled as in a table.
 */
export function forMachines(print: Print, form: 'json' | 'csv'): Print {
  if (print.isTerminal !== true) return print;
  const spelled = form === 'csv' ? printable : escaped;
  return text => print(text.replaceAll(UNSEEN, sign => (sign === '\n' ? sign : spelled(sign))));
}

const escaped = (sign: string): string =>
  Array.from(
    { length: sign.length },
    (_, i) => `\\u${sign.charCodeAt(i).toString(16).padStart(4, '0')}`,
  ).join('');

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
}

export function rowSink(format: RowFormat, print: Print, { width, title, plain }: Shown = {}): ResultSink {
  switch (format) {
    case 'csv':
      return csvSink(forMachines(print, 'csv'));
    case 'html':
      return htmlSink(print, title ?? 'slmaudit');
    case 'json':
      return jsonSink(forMachines(print, 'json'));
    case 'markdown':
      return markdownSink(print);
    case 'ndjson':
      return ndjsonSink(forMachines(print, 'json'));
    case 'table':
      return late(async () => (await import('./table.ts')).tableSink(print, width, plain));
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
