import type { ResultColumn } from '../../duck/job.ts';
import type { ResultSink } from '../../duck/process.ts';
import { counted } from '../values.ts';
import { printable } from '../voice.ts';
import { shownText } from './draw.ts';
import { htmlText } from './escape.ts';
import type { Print } from './rows.ts';

/** One page without scripts that loads nothing; every value is escaped. */
export function htmlSink(print: Print, title: string): ResultSink {
  let names: readonly ResultColumn[] = [];
  let count = 0;
  return {
    async columns(columns) {
      names = columns;
      const head = columns.map(c => `<th${side(c)}>${htmlText(printable(c.name))}</th>`).join('');
      await print(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${htmlText(title)}</title>
<style>${STYLE}</style>
<h1>${htmlText(title)}</h1>
<table>
<thead><tr>${head}</tr></thead>
<tbody>
`);
    },
    rows(rows) {
      count += rows.length;
      const cell = (c: ResultColumn, text: string): string => `<td${side(c)}>${htmlText(text)}</td>`;
      return print(
        rows
          .map(row => `<tr>${names.map((c, i) => cell(c, shownText(row[i] ?? null))).join('')}</tr>\n`)
          .join(''),
      );
    },
    async end() {
      await print(`</tbody>\n</table>\n<p>${counted(count, 'row')}</p>\n</html>\n`);
    },
  };
}

const side = (c: ResultColumn): string => (c.numeric ? ' class="n"' : '');

const STYLE = `body{font:14px/1.4 system-ui,sans-serif;margin:2em;color:#222;background:#fff}
h1{font-size:1.2em}table{border-collapse:collapse}th,td{padding:.2em .8em .2em 0;text-align:left;vertical-align:top}
thead th{border-bottom:1px solid #999;position:sticky;top:0;background:#fff}td{border-bottom:1px solid #eee}
.n{text-align:right;font-variant-numeric:tabular-nums}p{color:#666}`;
