import type { Expected, Mark, Plot } from '../../../report/page.ts';
import { printable } from '../../voice.ts';
import { htmlText } from '../escape.ts';
import { number } from './cells.ts';
import { axisText, rangeText, type Scale, scaleOf, timeText } from './scale.ts';

/**
 * Plots as inline SVG. A drawing is stretched to the room there is, so that lines are drawn at their own width and all texts stand
 * beside it as HTML: they keep their size on a phone and in print.
 */
const [WIDTH, HEIGHT] = [1000, 100];
/** Marks that are drawn and told of one plot. */
const MOST_MARKS = 50;

export function plotHtml(plot: Plot): string {
  const { title, unit, expected = [], marks = [] } = plot;
  const of = unit === '%' || title.toLowerCase().includes(unit.toLowerCase()) ? '' : `, ${unit}`;
  const caption = `<figcaption>${said(title + of)}</figcaption>\n`;
  const range = rangeText(plot);
  if (range === undefined) return `<figure>\n${caption}<p class="sub">nothing is known</p>\n</figure>\n`;
  const scale = scaleOf(plot);
  const told = marks.slice(0, MOST_MARKS);
  const drawing = [
    `<line class="grid" x1="0" x2="${WIDTH}" y1="${HEIGHT / 2}" y2="${HEIGHT / 2}"/>`,
    band(expected, scale),
    ...told.map(m => markRect(m, scale)),
    plot.kind === 'bars' ? bars(plot, scale) : line(plot, scale),
  ].join('');
  const list = told
    .map((m, i) => `<li value="${i + 1}">${said(`${clock(m.from)} to ${clock(m.to)}: ${m.says}`)}</li>\n`)
    .join('');
  const rest = marks.length - told.length;
  const axis = (n: number): string => `${axisText(n)}${unit === '%' ? '%' : ''}`;
  return `<figure>
${caption}<div class="plot">
<div class="y"><span>${axis(scale.top)}</span><span>${axis(scale.top / 2)}</span><span>0</span></div>
<svg class="draw" role="img" aria-label="${said(`${title}: ${range}`)}" viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none">${drawing}</svg>
${numbers(told, scale)}<div class="x">${ticks(plot)}</div>
</div>
${expected.length > 0 ? '<p class="sub key"><span class="swatch"></span>what was expected</p>\n' : ''}${list === '' ? '' : `<ol class="marks">\n${list}</ol>\n`}${rest > 0 ? `<p class="sub">and ${number(rest)} more; --json has all</p>\n` : ''}</figure>
`;
}

const said = (text: string): string => htmlText(printable(text));

const clock = (at: string): string => at.slice(0, 16).replace('T', ' ');

const fixed = (n: number): string => String(Math.round(n * 100) / 100);

const yOf = (value: number, { top }: Scale): number => HEIGHT * (1 - Math.max(0, Math.min(1, value / top)));

function bars({ points, unit }: Plot, scale: Scale): string {
  const width = WIDTH * scale.step;
  const gap = Math.min(width * 0.2, 6);
  return points
    .map(({ at, value }, i) => {
      if (value === null || !(value > 0)) return '';
      // What is there is seen, however little it is.
      const y = Math.min(yOf(value, scale), HEIGHT - 0.7);
      return `<rect class="bar" x="${fixed(i * width + gap / 2)}" y="${fixed(y)}" width="${fixed(width - gap)}" height="${fixed(HEIGHT - y)}"><title>${said(`${clock(at)}  ${number(value)} ${unit}`)}</title></rect>`;
    })
    .join('');
}

function line({ points, unit }: Plot, scale: Scale): string {
  const width = WIDTH * scale.step;
  const xOf = (i: number): number => (i + 0.5) * width;
  const parts: string[] = [];
  for (const [i, { value }] of points.entries()) {
    if (value === null) continue;
    const isJoined = i > 0 && points[i - 1]!.value !== null;
    const isLone = !isJoined && (points[i + 1]?.value ?? null) === null;
    const y = fixed(yOf(value, scale));
    if (isLone) parts.push(`M${fixed(xOf(i) - width / 4)} ${y}H${fixed(xOf(i) + width / 4)}`);
    else parts.push(`${isJoined ? 'L' : 'M'}${fixed(xOf(i))} ${y}`);
  }
  const hovers = points
    .map(({ at, value }, i) =>
      value === null
        ? ''
        : `<rect class="hover" x="${fixed(i * width)}" y="0" width="${fixed(width)}" height="${HEIGHT}"><title>${said(`${clock(at)}  ${number(value)} ${unit}`)}</title></rect>`,
    )
    .join('');
  return `<path class="line" d="${parts.join('')}"/>${hovers}`;
}

function band(expected: readonly Expected[], scale: Scale): string {
  if (expected.length === 0) return '';
  const x = (at: string): string => fixed(WIDTH * (scale.place(at) + scale.step / 2));
  const along = (of: (e: Expected) => number, some: readonly Expected[]): string =>
    some.map(e => `${x(e.at)} ${fixed(yOf(of(e), scale))}`).join('L');
  const area = `M${along(e => e.high, expected)}L${along(e => e.low, expected.toReversed())}Z`;
  return `<path class="band" d="${area}"/><path class="mid" d="M${along(e => e.mid, expected)}"/>`;
}

function markRect(mark: Mark, scale: Scale): string {
  const [from, to] = [scale.place(mark.from), scale.place(mark.to)];
  const width = Math.max(WIDTH * (to - from), 4);
  return `<rect class="mark" x="${fixed(Math.min(WIDTH * from, WIDTH - width))}" y="0" width="${fixed(width)}" height="${HEIGHT}"><title>${said(mark.says)}</title></rect>`;
}

/** Numbers of marks, above them. */
function numbers(marks: readonly Mark[], scale: Scale): string {
  if (marks.length === 0) return '';
  const each = marks.map((m, i) => {
    const at = (scale.place(m.from) + scale.place(m.to)) / 2;
    return `<text x="${fixed(100 * Math.min(0.985, Math.max(0.015, at)))}%" y="11">${i + 1}</text>`;
  });
  return `<svg class="nums" aria-hidden="true">${each.join('')}</svg>\n`;
}

/** First, middle and last time. */
function ticks({ points }: Plot): string {
  const last = points.length - 1;
  const places = last < 2 ? [...new Set([0, last])] : [0, Math.round(last / 2), last];
  return places.map(i => `<span>${said(timeText(points[i]!.at, points))}</span>`).join('');
}

/** Pixels. */
const SPARK = 90;

/** A line of a table's cell. */
export function sparkSvg(each: readonly (number | null)[]): string {
  const known = each.map(n => n ?? 0);
  const top = Math.max(...known) || 1;
  const width = Math.min(10, SPARK / each.length);
  const rects = known
    .map((n, i) => {
      if (n <= 0) return '';
      const height = Math.max(1, (18 * n) / top);
      return `<rect x="${fixed(i * width)}" y="${fixed(18 - height)}" width="${fixed(width * 0.8)}" height="${fixed(height)}"/>`;
    })
    .join('');
  const told = each.map(n => (n === null ? '-' : number(n))).slice(0, 100);
  return `<svg class="spark" role="img" aria-label="${said(told.join(', '))}" width="${fixed(width * each.length)}" height="18" viewBox="0 0 ${fixed(width * each.length)} 18" preserveAspectRatio="none"><title>${said(told.join(', '))}</title>${rects}</svg>`;
}

/** A bar of a table's cell, against the largest. */
export function barSvg(value: number, top: number): string {
  if (!(value > 0) || !(top > 0)) return '';
  return `<svg class="spark" aria-hidden="true" width="120" height="12"><rect x="0" y="2" width="${fixed(Math.max(1, (120 * value) / top))}" height="8"/></svg>`;
}
