import type { Cell } from '../../../duck/job.ts';
import type { Page, PageTable, Section } from '../../../report/page.ts';
import { printable } from '../../voice.ts';
import { isBar, shownText } from '../draw.ts';
import { htmlText } from '../escape.ts';
import { isSpark, shownTable } from './cells.ts';
import { barSvg, plotHtml, sparkSvg } from './plot.ts';
import { STYLE } from './style.ts';

/** Longer texts may stand in several lines. */
const LONG = 44;

/** A page in one file that has no script and loads nothing. Every text is escaped, and stands in a direction of its own. */
export function htmlPage(page: Page, foot: readonly string[]): string {
  const title = text(page.title);
  const [lead, ...summary] = page.summary;
  const subtitle = page.subtitle === undefined ? '' : `<p class="sub">${text(page.subtitle)}</p>\n`;
  const notes = page.notes.map(note => `<li>${text(note)}</li>\n`).join('');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${title}</title>
<style>${STYLE}</style>
</head>
<body>
<header>
<h1>${title}</h1>
${subtitle}${lead === undefined ? '' : `<p class="lead">${text(lead)}</p>\n`}${summary.map(line => `<p>${text(line)}</p>\n`).join('')}</header>
<main>
${page.sections.map(section => sectionHtml(section, 2)).join('')}${notes === '' ? '' : `<section>\n<h2>Notes</h2>\n<ul>\n${notes}</ul>\n</section>\n`}</main>
<footer>
${foot.map(line => `<p>${text(line)}</p>\n`).join('')}</footer>
</body>
</html>
`;
}

function sectionHtml(
  { heading, text: lines = [], plots = [], table, more, sections = [] }: Section,
  depth: number,
): string {
  const h = `h${Math.min(depth, 6)}`;
  const drawn = plots.map(plotHtml).join('');
  return `<section>
<${h}>${text(heading)}</${h}>
${lines.map(line => `<p>${text(line)}</p>\n`).join('')}${drawn === '' ? '' : `<div class="plots">\n${drawn}</div>\n`}${table ? tableHtml(table) : ''}${more === undefined ? '' : `<p class="more"><code>${text(more)}</code></p>\n`}${sections.map(s => sectionHtml(s, depth + 1)).join('')}</section>
`;
}

function tableHtml(given: PageTable): string {
  if (given.rows.length === 0) return '<p class="sub">none</p>\n';
  const { columns, rows, note } = shownTable(given);
  const tops = columns.map((c, i) => (isBar(c) ? Math.max(0, ...rows.map(row => Number(row[i] ?? 0))) : 0));
  const classOf = (i: number, cell: Cell): string => {
    const { numeric, minor } = columns[i]!;
    const isLong = typeof cell === 'string' && cell.length > LONG;
    const names = [
      ...(numeric && !isBar(columns[i]!) ? ['n'] : isLong ? ['long'] : []),
      ...(minor ? ['minor'] : []),
    ];
    return names.length === 0 ? '' : ` class="${names.join(' ')}"`;
  };
  const head = columns
    .map((c, i) => `<th scope="col"${classOf(i, null)}>${isBar(c) ? '' : text(c.name)}</th>`)
    .join('');
  const drawn = (cell: Cell, i: number): string => {
    if (isBar(columns[i]!)) return barSvg(Number(cell ?? 0), tops[i]!);
    return isSpark(cell) ? sparkSvg(cell) : text(shownText(cell));
  };
  const body = rows
    .map(
      row =>
        `<tr>${columns.map((_, i) => `<td${classOf(i, row[i] ?? null)}>${drawn(row[i] ?? null, i)}</td>`).join('')}</tr>\n`,
    )
    .join('');
  return `<div class="wide">
<table>
<thead><tr>${head}</tr></thead>
<tbody>
${body}</tbody>
</table>
</div>
${note === undefined ? '' : `<p class="sub">${text(note)}</p>\n`}`;
}

const text = (said: string): string => htmlText(printable(said));
