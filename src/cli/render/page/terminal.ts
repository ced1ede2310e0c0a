import chalk, { Chalk, type ChalkInstance } from 'chalk';
import stringWidth from 'string-width';
import type { Page, PageTable, Plot, Section } from '../../../report/page.ts';
import { printable } from '../../voice.ts';
import { shownText } from '../draw.ts';
import { clipped, naturalWidth } from '../fit.ts';
import { drawTable } from '../table.ts';
import { number, shownTable } from './cells.ts';
import type { PageShown } from './format.ts';
import { folded, rangeText } from './scale.ts';

/** Lines of text are no longer than that, however wide the terminal is. */
const LONGEST = 100;
/** Marks that are told of one plot. */
const MOST_MARKS = 10;

/** A page for a terminal: headings, aligned tables, sparklines. */
export function terminalPage(page: Page, { width, plain = false, foot }: PageShown): string {
  const how = { width, colors: plain ? new Chalk({ level: 0 }) : chalk };
  const { colors } = how;
  const blocks: (readonly string[])[] = [
    [
      ...wrapped(page.title, how, colors.bold),
      ...(page.subtitle === undefined ? [] : wrapped(page.subtitle, how, colors.dim)),
    ],
    page.summary.flatMap(line => wrapped(line, how)),
    ...page.sections.flatMap(section => sectionBlocks(section, how, 0)),
    page.notes.length === 0 ? [] : [colors.bold('Notes'), ...page.notes.flatMap(note => wrapped(note, how))],
    foot.flatMap(line => wrapped(line, how, colors.dim)),
  ];
  return `${blocks
    .filter(lines => lines.length > 0)
    .map(lines => lines.join('\n'))
    .join('\n\n')}\n`;
}

interface How {
  readonly width: number | undefined;
  readonly colors: ChalkInstance;
}

function sectionBlocks(section: Section, how: How, depth: number): string[][] {
  const { colors } = how;
  const lines = wrapped(section.heading, how, depth === 0 ? colors.bold : colors.underline);
  for (const text of section.text ?? []) lines.push(...wrapped(text, how));
  const names = Math.max(0, ...(section.plots ?? []).map(p => stringWidth(printable(p.title))));
  for (const plot of section.plots ?? [])
    lines.push(...plotLines(plot, how, Math.min(names, Math.floor((how.width ?? LONGEST) * 0.4))));
  if (section.table && section.table.rows.length > 0) {
    if (section.plots && section.plots.length > 0) lines.push('');
    lines.push(...tableLines(section.table, how));
  } else if (section.table) lines.push(colors.dim('none'));
  // A command that is cut in two can't be pasted.
  if (section.more !== undefined) lines.push(colors.dim(printable(section.more)));
  return [lines, ...(section.sections ?? []).flatMap(s => sectionBlocks(s, how, depth + 1))];
}

function tableLines(given: PageTable, how: How): string[] {
  const { width, colors } = how;
  const { columns, rows, note } = shownTable(given);
  let places = columns.map((_, i) => i);
  const of = <T>(list: readonly T[]): T[] => places.map(i => list[i]!);
  const isWide = (): boolean => width !== undefined && naturalWidth(of(columns), rows.map(of)) > width;
  const without: string[] = [];
  for (const [i, column] of [...columns.entries()].toReversed()) {
    if (!column.minor || !isWide()) continue;
    places = places.filter(place => place !== i);
    without.unshift(column.name);
  }
  const drawn = drawTable(of(columns), rows.map(of), width, colors);
  const notes = [
    ...drawn.shared,
    ...(note === undefined ? [] : [note]),
    ...drawn.notes,
    ...(without.length > 0 ? [`no room for ${without.join(', ')}`] : []),
  ];
  return [drawn.text, ...notes.flatMap(line => wrapped(line, how, colors.dim))];
}

function plotLines(plot: Plot, how: How, names: number): string[] {
  const { width, colors } = how;
  const { title, points, expected, marks } = plot;
  const range = rangeText(plot);
  const name = padded(printable(title), names);
  if (range === undefined) return [`${name}  ${colors.dim('nothing is known')}`];
  const room = Math.max(24, Math.min(width ?? LONGEST, 2 * LONGEST) - names - 2);
  const line = shownText(
    folded(
      points.map(p => p.value),
      room,
    ),
  );
  const bands = new Map((expected ?? []).map(e => [e.at, e]));
  const outside = points.filter(p => {
    const band = bands.get(p.at);
    return band && p.value !== null && (p.value < band.low || p.value > band.high);
  }).length;
  const told =
    bands.size > 0 ? `; ${number(outside)} of ${number(points.length)} outside what was expected` : '';
  const says = `${range}${told}`;
  const fits = names + stringWidth(line) + stringWidth(printable(says)) + 4 <= (width ?? Infinity);
  const all = [...(marks ?? [])];
  const more = all.length - MOST_MARKS;
  return [
    ...(fits
      ? [`${name}  ${line}  ${colors.dim(printable(says))}`]
      : [`${name}  ${line}`, ...wrapped(says, how, colors.dim, names + 2)]),
    ...all
      .slice(0, MOST_MARKS)
      .flatMap(m => wrapped(`${minute(m.from)} to ${minute(m.to)}: ${m.says}`, how, undefined, names + 2)),
    ...(more > 0 ? [colors.dim(`${' '.repeat(names + 2)}and ${number(more)} more; --json has all`)] : []),
  ];
}

/** Exactly so wide. */
function padded(text: string, width: number): string {
  const spare = width - stringWidth(text);
  return spare < 0 ? padded(clipped(text, width), width) : text + ' '.repeat(spare);
}

const minute = (at: string): string => at.slice(0, 16).replace('T', ' ');

/** Lines of words, each no wider than there is room for. */
function wrapped(
  text: string,
  { width }: How,
  style: (line: string) => string = line => line,
  indent = 0,
): string[] {
  const room = Math.max(20, Math.min(width ?? LONGEST, LONGEST) - indent);
  const lines: string[] = [];
  for (const word of printable(text)
    .split(' ')
    .flatMap(w => broken(w, room))) {
    const last = lines.at(-1);
    if (last !== undefined && stringWidth(last) + 1 + stringWidth(word) <= room)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines.map(line => ' '.repeat(indent) + style(line));
}

function broken(word: string, room: number): string[] {
  if (stringWidth(word) <= room) return [word];
  const parts = [''];
  for (const sign of word) {
    if (stringWidth(parts.at(-1)! + sign) > room) parts.push('');
    parts[parts.length - 1] += sign;
  }
  return parts;
}
