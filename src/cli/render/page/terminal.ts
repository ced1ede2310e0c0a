import chalk, { Chalk, type ChalkInstance } from 'chalk';
import stringWidth from 'string-width';
import type { Page, Plot, Section } from '../../../report/page.ts';
import { printable } from '../../voice.ts';
import { shownText } from '../draw.ts';
import { drawTable } from '../table.ts';
import { clipped, number, shownTable } from './cells.ts';
import type { PageShown } from './format.ts';
import { timeText, values } from './scale.ts';

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
  const { colors, width } = how;
  const lines = wrapped(section.heading, how, depth === 0 ? colors.bold : colors.underline);
  for (const text of section.text ?? []) lines.push(...wrapped(text, how));
  const names = Math.max(0, ...(section.plots ?? []).map(p => stringWidth(printable(p.title))));
  for (const plot of section.plots ?? []) lines.push(...plotLines(plot, how, Math.min(names, 40)));
  if (section.table && section.table.rows.length > 0) {
    if (section.plots && section.plots.length > 0) lines.push('');
    const { columns, rows, note } = shownTable(section.table);
    const drawn = drawTable(columns, rows, width, colors);
    lines.push(drawn.text);
    const below = [...drawn.shared, ...(note === undefined ? [] : [note]), ...drawn.notes];
    lines.push(...below.map(line => colors.dim(line)));
  } else if (section.table) lines.push(colors.dim('none'));
  // A command that is cut in two can't be pasted.
  if (section.more !== undefined) lines.push(colors.dim(printable(section.more)));
  return [lines, ...(section.sections ?? []).flatMap(s => sectionBlocks(s, how, depth + 1))];
}

function plotLines(
  { title, unit, points, expected, marks }: Plot,
  { width, colors }: How,
  names: number,
): string[] {
  const known = values(points);
  const name = clipped(printable(title), 40).padEnd(names);
  if (known.length === 0) return [`${name}  ${colors.dim('nothing is known')}`];
  const room = Math.max(24, Math.min(width ?? LONGEST, 2 * LONGEST) - names - 2);
  const line = shownText(
    folded(
      points.map(p => p.value),
      room,
    ),
  );
  const range = `${number(round(Math.min(...known)))} to ${number(round(Math.max(...known)))} ${printable(unit)}`;
  const span =
    points.length > 1 ? `, ${timeText(points[0]!.at, points)} to ${timeText(points.at(-1)!.at, points)}` : '';
  const bands = new Map((expected ?? []).map(e => [e.at, e]));
  const outside = points.filter(p => {
    const band = bands.get(p.at);
    return band && p.value !== null && (p.value < band.low || p.value > band.high);
  }).length;
  const told =
    bands.size > 0 ? `; ${number(outside)} of ${number(points.length)} outside what was expected` : '';
  const says = `${range}${span}${told}`;
  const fits = names + stringWidth(line) + stringWidth(says) + 4 <= (width ?? Infinity);
  const all = [...(marks ?? [])];
  const more = all.length - MOST_MARKS;
  return [
    ...(fits
      ? [`${name}  ${line}  ${colors.dim(says)}`]
      : [`${name}  ${line}`, `${' '.repeat(names + 2)}${colors.dim(says)}`]),
    ...all
      .slice(0, MOST_MARKS)
      .flatMap(m =>
        wrapped(`${minute(m.from)} to ${minute(m.to)}: ${m.says}`, { width, colors }, undefined, names + 2),
      ),
    ...(more > 0
      ? [colors.dim(`${' '.repeat(names + 2)}and ${number(more)} more; --format json has all`)]
      : []),
  ];
}

const round = (n: number): number => (Math.abs(n) >= 100 ? Math.round(n) : n);

const minute = (at: string): string => at.slice(0, 16).replace('T', ' ');

/** As many numbers as there is room for: where several share a place, the largest. */
function folded(numbers: readonly (number | null)[], room: number): (number | null)[] {
  // One number is no list that is drawn.
  if (numbers.length === 1) return [...numbers, null];
  const each = Math.ceil(numbers.length / room);
  const places = Array.from({ length: Math.ceil(numbers.length / each) }, (_, i) =>
    numbers.slice(i * each, (i + 1) * each),
  );
  return places.map(some => {
    const known = some.filter(n => n !== null);
    return known.length === 0 ? null : Math.max(...known);
  });
}

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
