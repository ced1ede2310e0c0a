import type { Coverage, CoverageDay, Silence } from '../../coverage/report.ts';
import type { Cell, ResultColumn } from '../../duck/job.ts';
import { counted, grouped } from '../values.ts';

/** Rows of the answer: columns and cells. */
export interface Listed {
  readonly columns: readonly ResultColumn[];
  readonly rows: readonly (readonly Cell[])[];
}

const DAY_COLUMNS = [
  'source',
  'day',
  'first',
  'last',
  'sealed',
  'pruned',
  'redacted',
  'held',
  'rejected',
  'silences',
  'silent_s',
  'known',
] as const;
const TEXTS: ReadonlySet<string> = new Set([
  'source',
  'day',
  'first',
  'last',
  'known',
  'alive',
  'from',
  'to',
]);

const columnsOf = (names: readonly string[]): ResultColumn[] =>
  names.map(name => ({ name, numeric: !TEXTS.has(name) }));

export const dayRows = (days: readonly CoverageDay[]): Listed => ({
  columns: columnsOf(DAY_COLUMNS),
  rows: days.map(d => [
    d.source ?? null,
    d.day,
    d.first ?? null,
    d.last ?? null,
    d.sealed,
    d.pruned,
    d.redacted,
    d.held,
    d.rejected,
    d.silences,
    d.silentSeconds,
    d.known,
  ]),
});

export const silenceRows = (silences: readonly Silence[]): Listed => ({
  columns: columnsOf(['source', 'from', 'to', 'seconds', 'alive', 'heartbeats', 'known']),
  rows: silences.map(s => [s.source, s.from, s.to, s.seconds, s.alive, s.heartbeats, s.known]),
});

/** Deletions that are told one by one; --json has all. */
const MOST = 5;

/** What the table below says in a few lines: the period, what is there, the longest silence, what was deleted and why. */
export function coverageLines(c: Coverage): string[] {
  const sources = new Set(c.days.flatMap(d => (d.source === undefined ? [] : [d.source])));
  const { sealed, pruned, redacted, held } = c.records;
  const parts = [
    `${counted(sealed, 'record')} sealed`,
    ...(pruned > 0 ? [`${grouped(pruned)} of them deleted as recorded`] : []),
    ...(redacted > 0 ? [`${grouped(redacted)} redacted`] : []),
    ...(held > 0 ? [`${grouped(held)} under a hold`] : []),
  ];
  const period = c.period ? `${short(c.period.from)} to ${short(c.period.to)}` : 'nothing was sealed';
  return [
    `period    ${period}, ${counted(sources.size, 'source')}`,
    `records   ${parts.join(', ')}`,
    `rejected  ${rejected(c)}`,
    `silence   ${silence(c)}`,
    `log       ${log(c)}`,
    ...deletions(c).map(line => `deleted   ${line}`),
  ];
}

function rejected({ rejected: { lines, retried, deleted }, damaged }: Coverage): string {
  return [
    `${counted(lines, 'line')} in quarantine`,
    ...(retried > 0 ? [`${grouped(retried)} of them records by now`] : []),
    ...(deleted > 0 ? [`${grouped(deleted)} deleted as recorded`] : []),
    ...(damaged > 0 ? [`${counted(damaged, 'line')} unreadable when they were sealed`] : []),
  ].join(', ');
}

function silence({ silences }: Coverage): string {
  if (silences.length === 0) return 'none that is unusual';
  const longest = silences.reduce((a, b) => (b.seconds > a.seconds ? b : a));
  const { source, from, to, seconds, heartbeats } = longest;
  const beats = heartbeats > 0 ? `, ${counted(heartbeats, 'heartbeat')}` : '';
  return `${grouped(silences.length)}, the longest ${lasting(seconds)} of ${source}, ${short(from)} to ${short(to)}: ${ALIVE[longest.alive]}${beats}`;
}

const ALIVE = {
  yes: 'the log was written, nothing came',
  partly: 'the log was written for a part of it',
  no: 'the log was not written',
} as const;

function log({ log: { from, to, pauses, clockRegressions } }: Coverage): string {
  const longest = pauses.reduce<(typeof pauses)[number] | undefined>(
    (a, b) => (a && a.seconds >= b.seconds ? a : b),
    undefined,
  );
  const clock = clockRegressions > 0 ? [`the clock had gone back ${counted(clockRegressions, 'time')}`] : [];
  const paused = longest
    ? `${counted(pauses.length, 'unusual pause')}, the longest ${lasting(longest.seconds)}, ${short(longest.from)} to ${short(longest.to)}`
    : 'no unusual pause';
  return [`written ${short(from)} to ${short(to)}`, paused, ...clock].join(', ');
}

function deletions({ deletions: all }: Coverage): string[] {
  if (all.length === 0) return ['nothing'];
  const told = all.slice(-MOST).map(d => {
    const under = `policy ${d.policy}${d.presets.length > 0 ? ` (${d.presets.join(', ')})` : ''}`;
    const what = `${counted(d.records, 'record')} of ${counted(d.segments, 'segment')}`;
    const span = d.from !== undefined && d.to !== undefined ? ` of ${short(d.from)} to ${short(d.to)}` : '';
    return `${what}${span}, ${d.kind === 'redact' ? 'redacted' : 'pruned'} ${short(d.at)} by entry ${d.entry} under ${under}, reason ${d.reason}`;
  });
  const before = all.length - told.length;
  return before > 0 ? [`${counted(before, 'earlier deletion')}; --json lists all`, ...told] : told;
}

/** `3 d 4 h`, `5 h 12 min`, `50 s`. */
export function lasting(seconds: number): string {
  const parts: [number, string][] = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ];
  const first = parts.findIndex(([n]) => n > 0);
  if (first < 0) return '0 s';
  return parts
    .slice(first, first + 2)
    .filter(([n]) => n > 0)
    .map(([n, unit]) => `${n} ${unit}`)
    .join(' ');
}

const short = (ts: string): string => ts.replace(/(?:\.\d+)?Z$/, 'Z');
