import type { Cell } from '../../duck/job.ts';
import type { ResultSink } from '../../duck/process.ts';
import type { Print } from './rows.ts';

/** RFC 4180 quoting, a header line, LF, NULL empty. */
export function csvSink(print: Print): ResultSink {
  return {
    async columns(columns) {
      await print(`${columns.map(c => field(c.name)).join(',')}\n`);
    },
    rows: rows => print(rows.map(row => `${row.map(field).join(',')}\n`).join('')),
    end: () => undefined,
  };
}

function field(cell: Cell): string {
  if (cell === null) return '';
  const text = typeof cell === 'string' ? cell : JSON.stringify(cell);
  // An empty string is quoted: unquoted, it would read as NULL.
  return text === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
