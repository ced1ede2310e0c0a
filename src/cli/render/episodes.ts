import stringWidth from 'string-width';
import type { Episode } from '../../detect/episode.ts';
import type { Cell } from '../../duck/job.ts';
import { counted, grouped } from '../values.ts';
import { printable } from '../voice.ts';
import { lasting, type Listed } from './coverage.ts';
import { shownText } from './draw.ts';
import { fitted, GAP, MOST } from './fit.ts';
import { wrapped } from './wrap.ts';
import { type Print, rowSink, type Shown } from './rows.ts';

export const EPISODE_FORMATS = ['table', 'json', 'ndjson', 'csv', 'markdown'] as const;

/** Commands below a table. */
const MOST_COMMANDS = 3;

/** False where the reader was gone before it was over. */
export async function printEpisodes(
  episodes: readonly Episode[],
  format: (typeof EPISODE_FORMATS)[number],
  print: Print,
  shown: Shown,
): Promise<boolean> {
  if (format === 'json') return print(`[${episodes.map(e => JSON.stringify(e)).join(',\n ')}]\n`);
  if (format === 'ndjson') return print(episodes.map(e => `${JSON.stringify(e)}\n`).join(''));
  // Nothing to be told is nothing to be mailed by cron.
  if (format === 'table' && episodes.length === 0) return true;
  const { columns, rows } = format === 'csv' ? wholeRows(episodes) : briefRows(episodes);
  // A table ends after so many, and what is not printed would count as shown.
  const isTable = shown.width === undefined || fits(columns, rows, shown.width);
  if (format === 'table' && (!isTable || episodes.length > MOST))
    return print(blocksOf(episodes, shown.width) + commandsOf(episodes));
  let isThere = true;
  const watched = async (text: string): Promise<boolean> => {
    isThere = await print(text);
    return isThere;
  };
  const isTerminal = print.isTerminal === true;
  const sink = rowSink(format, Object.assign(watched, { isTerminal }), shown);
  await sink.columns(columns);
  await sink.rows(rows);
  await sink.end();
  if (format === 'table' && isThere && episodes.length > 0) isThere = await print(commandsOf(episodes));
  return isThere;
}

const columnsOf = (names: readonly string[], numbers: readonly string[] = []): Listed['columns'] =>
  names.map(name => ({ name, numeric: numbers.includes(name) }));

/** For people. */
function briefRows(episodes: readonly Episode[]): Listed {
  const isMarked = episodes.some(e => e.unverified !== undefined);
  return {
    columns: columnsOf([
      'level',
      'when',
      'lasted',
      'rule',
      'who',
      'what',
      'door',
      ...(isMarked ? ['unverified'] : []),
    ]),
    rows: episodes.map(e => [
      e.rule.level,
      e.from.replace(/\.\d+Z$/, '.000000Z'),
      lasting(Math.round((Date.parse(e.to) - Date.parse(e.from)) / 1000)),
      e.rule.title,
      whoOf(e),
      whatOf(e),
      e.door.by === 'none' ? null : e.door.says,
      ...(isMarked ? [e.unverified ?? null] : []),
    ]),
  };
}

/** Would nothing of it be cut? */
function fits(columns: Listed['columns'], rows: Listed['rows'], width: number): boolean {
  const whole = fitted(columns, rows, undefined);
  const widths = columns.map((_, i) =>
    [whole.head, ...whole.rows].reduce((most, row) => Math.max(most, stringWidth(row[i] ?? '')), 0),
  );
  return widths.reduce((sum, w) => sum + w, 0) + GAP * (columns.length - 1) <= width;
}

/** Behind the longest level but one. */
const INDENT = 10;

/** Where a table would cut everything: each in a few lines. */
function blocksOf(episodes: readonly Episode[], width: number | undefined): string {
  return episodes
    .map(e => {
      const [level, when, lasted, rule, who, what, door, unverified] = briefRows([e]).rows[0]!.map(shownText);
      const lines = [
        `${level!.padEnd(INDENT - 2)}  ${when!.replace(/\.0{6}Z$/, 'Z')}  ${who}`.trimEnd(),
        rule!,
        `${what}${lasted === '0 s' ? '' : `, in ${lasted}`}`,
        ...(e.door.by === 'none' ? [] : [door!]),
        ...(unverified === undefined ? [] : [`not verified: ${unverified}`]),
      ];
      const [first, ...others] = lines.map((line, i) => wrapped(line, width, INDENT, i > 0));
      return `${[first, ...others].join('\n')}\n\n`;
    })
    .join('');
}

/** For spreadsheets. */
function wholeRows(episodes: readonly Episode[]): Listed {
  const names = [
    'id',
    'level',
    'rule',
    'title',
    'entity',
    'from',
    'first_hit',
    'to',
    'hits',
    'value',
    'usual',
  ];
  const doors = [
    'door_by',
    'door_sure',
    'failed',
    'succeeded',
    'without_mfa',
    'admin',
    'door',
    'events',
    'show',
    'unverified',
  ];
  const rows = episodes.map((e): Cell[] => [
    e.id,
    e.rule.level,
    e.rule.id,
    e.rule.title,
    JSON.stringify(e.entity),
    e.from,
    e.firstHit,
    e.to,
    e.hits,
    e.value ?? null,
    e.usual ?? null,
    e.door.by,
    e.door.sure,
    e.door.failed,
    e.door.succeeded,
    e.door.without_mfa,
    e.door.admin,
    e.door.says,
    e.events.join(' '),
    e.show,
    e.unverified ?? null,
  ]);
  return {
    columns: columnsOf(
      [...names, ...doors],
      ['hits', 'value', 'usual', 'failed', 'succeeded', 'without_mfa', 'admin'],
    ),
    rows,
  };
}

/** The value of the only column, else each with its name; and whose events fired, where that is somebody else: `192.0.2.7 (ada)`. */
function whoOf({ entity, fired, rule: { measures } }: Episode): string {
  const told = Object.entries(entity).filter(([, value]) => value !== null);
  const who = told.length === 1 ? told[0]![1]! : told.map(([name, value]) => `${name} ${value}`).join(', ');
  // The event at which a number is reached is one of many.
  const more = measures ? undefined : (fired?.user_id ?? fired?.client_ip ?? fired?.api_key_id);
  return more === undefined ? who : `${who} (${more})`.trimStart();
}

/** `up to 48 events in 1 h (before at most 9), 12 hits`. */
function whatOf({ rule: { measures }, value, usual, hits: n, again }: Episode): string {
  const hits = `${counted(n, 'hit')}${again ? `, ${grouped(again.before)} when it was told last` : ''}`;
  if (value === undefined) return hits;
  const what = measures === undefined ? '' : ` ${measures.what} in ${lasting(measures.within)}`;
  const before = usual === undefined ? '' : ` (before at most ${rounded(usual)})`;
  return `up to ${rounded(value)}${what}${before}, ${hits}`;
}

const rounded = (n: number): string => (Number.isInteger(n) ? grouped(n) : n.toPrecision(4));

function commandsOf(episodes: readonly Episode[]): string {
  const shown = episodes.slice(0, MOST_COMMANDS).map(({ show }) => `  ${printable(show)}\n`);
  const more = episodes.length > shown.length ? '; --json has a command for each' : '';
  return `records of the first${shown.length > 1 ? ` ${shown.length}` : ''}${more}:\n${shown.join('')}`;
}
