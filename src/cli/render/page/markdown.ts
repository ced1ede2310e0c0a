import type { Page, PageTable, Plot, Section } from '../../../report/page.ts';
import { printable } from '../../voice.ts';
import { isBar, shownText } from '../draw.ts';
import { markdownText } from '../escape.ts';
import { clipped, number, shownTable } from './cells.ts';
import { folded, rangeText } from './scale.ts';

/** Signs of a sparkline. */
const LONGEST = 90;
/** Marks that are told of one plot. */
const MOST_MARKS = 50;

/** A page in GitHub's Markdown: tables, and plots as sparklines. */
export function markdownPage(page: Page, foot: readonly string[]): string {
  const blocks = [
    heading(1, page.title),
    ...(page.subtitle === undefined ? [] : [line(page.subtitle)]),
    ...page.summary.map(line),
    ...page.sections.flatMap(section => sectionBlocks(section, 2)),
    ...(page.notes.length === 0 ? [] : [heading(2, 'Notes'), list(page.notes)]),
    '---',
    ...foot.map(line),
  ];
  return `${blocks.join('\n\n')}\n`;
}

function sectionBlocks(
  { heading: title, text, plots, table, more, sections }: Section,
  depth: number,
): string[] {
  return [
    heading(Math.min(depth, 6), title),
    ...(text ?? []).map(line),
    ...(plots ?? []).flatMap(plotBlocks),
    ...(table ? tableBlocks(table) : []),
    ...(more === undefined ? [] : [code(more)]),
    ...(sections ?? []).flatMap(s => sectionBlocks(s, depth + 1)),
  ];
}

function tableBlocks(given: PageTable): string[] {
  if (given.rows.length === 0) return ['none'];
  const { columns: all, rows, note } = shownTable(given);
  const places = all.map((_, i) => i).filter(i => !isBar(all[i]!));
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const text = [
    row(places.map(i => markdownText(printable(all[i]!.name)))),
    row(places.map(i => (all[i]!.numeric ? '--:' : '---'))),
    ...rows.map(cells => row(places.map(i => markdownText(shownText(cells[i] ?? null))))),
  ].join('\n');
  return [text, ...(note === undefined ? [] : [line(note)])];
}

function plotBlocks(plot: Plot): string[] {
  const { title, points, marks = [] } = plot;
  const range = rangeText(plot);
  if (range === undefined) return [line(`${title}: nothing is known`)];
  const drawn = shownText(
    folded(
      points.map(p => p.value),
      LONGEST,
    ),
  );
  const told = marks.slice(0, MOST_MARKS).map(m => `${m.from} to ${m.to}: ${m.says}`);
  if (marks.length > MOST_MARKS) told.push(`and ${number(marks.length - MOST_MARKS)} more`);
  return [
    `${line(title)}: \`${drawn}\` ${markdownText(printable(range))}`,
    ...(told.length > 0 ? [list(told)] : []),
  ];
}

const heading = (depth: number, text: string): string => `${'#'.repeat(depth)} ${line(text)}`;

const list = (texts: readonly string[]): string => texts.map(t => `- ${line(t)}`).join('\n');

/** What begins a line could begin a list, or underline the one above. */
const line = (text: string): string =>
  markdownText(printable(clipped(text, 1000)))
    .replace(/^\s+/, '')
    .replace(/^([-+=])/, '\\$1')
    .replace(/^(\d+)([.)])/, '$1\\$2');

/** A command as it is, behind as many backticks as it takes. */
function code(text: string): string {
  const shown = printable(text);
  const longest = Math.max(0, ...[...shown.matchAll(/`+/g)].map(m => m[0].length));
  const fence = '`'.repeat(Math.max(3, longest + 1));
  return `${fence}sh\n${shown}\n${fence}`;
}
