import type { Cell } from '../duck/job.ts';
import type { Asker } from '../query/inquiry.ts';
import { counted, grouped } from '../record/figures.ts';
import { microsOf, tsOfMicros } from '../record/time.ts';
import type { Mark, Page, Plot, Section } from '../report/page.ts';
import { findWithPlots } from './anomalies.ts';
import { HOUR_US } from './finding.ts';
import type { Anomalies, Drawn, Episode, Finding, Found } from './report.ts';
import { amount, chanceOf, percent, sentence } from './says.ts';

/** The page of `slmaudit report anomalies`: what is unusual, how sure, why, and which records show it. */
export async function anomaliesPage(
  asker: Asker,
  wanted: { readonly since?: string; readonly until?: string; readonly zone: string },
): Promise<Page> {
  const found = await findWithPlots(asker, wanted);
  const { anomalies } = found;
  const days = anomalies.since === null ? [] : await daysOf(asker, anomalies);
  return {
    title: 'Anomalies',
    ...(anomalies.since !== null && {
      subtitle: `${minute(anomalies.since)} to ${minute(anomalies.until!)} (UTC), ${counted(anomalies.records, 'record')} looked at`,
    }),
    summary: summaryOf(anomalies),
    isEmpty: anomalies.since === null,
    sections: [
      ...overview(anomalies, days),
      ...anomalies.episodes.map((e, i) => episodeSection(e, i, found)),
      ...changesSection(anomalies),
      ...testsSection(anomalies),
    ],
    // Of nothing the summary says all there is to say.
    notes: anomalies.since === null ? [] : anomalies.notes.map(sentence),
    data: anomalies,
  };
}

/** `2026-05-01 14:03` */
const minute = (ts: string): string => ts.slice(0, 16).replace('T', ' ');

function summaryOf({ episodes, tested, found, likely, by_chance, level, since, notes }: Anomalies): string[] {
  if (since === null) return [sentence(notes[0]!)];
  if (tested === 0) return ['Nothing could be judged: see the notes.'];
  const said =
    episodes.length === 0
      ? 'Nothing unusual was found.'
      : `${counted(episodes.length, 'episode')}: ${episodes
          .slice(0, 3)
          .map(e => `${e.heading} (${minute(e.from)})`)
          .join('; ')}${episodes.length > 3 ? `; and ${episodes.length - 3} more` : ''}.`;
  return [
    said,
    `${grouped(tested)} tests, of which ${grouped(found)} count and make up ${counted(episodes.length, 'episode')}. Of ${grouped(found - likely)} at most ${percent(100 * level)} are to be expected to be chance (Benjamini and Yekutieli)${likely === 0 ? '' : `; the other ${grouped(likely)} are likely ones, of which chance alone makes ${by_chance} at most`}.`,
  ];
}

interface DayCount {
  readonly at: string;
  readonly value: number;
}

async function daysOf(asker: Asker, { since, until }: Anomalies): Promise<DayCount[]> {
  const [from, to] = [microsOf(since!), microsOf(until!)];
  const first = Math.floor(from / HOUR_US / 24);
  const rows = await asker.all(
    `SELECT hour // 24 AS day, sum(n) AS n FROM an_hours WHERE event_type IN ('inference', 'access') GROUP BY day`,
  );
  const byDay = new Map(rows.map(r => [Number(r['day']), Number(r['n'])]));
  const length = Math.min(1000, Math.ceil(to / HOUR_US / 24) - first);
  return Array.from({ length }, (_, i) => ({
    at: tsOfMicros((first + i) * 24 * HOUR_US)!,
    value: byDay.get(first + i) ?? 0,
  }));
}

function overview({ episodes }: Anomalies, days: readonly DayCount[]): Section[] {
  if (days.length < 2) return [];
  const marks = episodes.map((e): Mark => ({ from: e.from, to: e.to, says: e.heading }));
  return [
    {
      heading: 'Overview',
      plots: [{ title: 'Requests a day', unit: 'requests', kind: 'bars', points: days, marks }],
      ...(episodes.length > 0 && {
        table: {
          columns: [
            { name: '#', numeric: true },
            { name: 'since' },
            { name: 'until', minor: true },
            { name: 'what' },
            { name: 'seen', numeric: true },
            { name: 'usual', numeric: true },
          ],
          rows: episodes.map((e, i): Cell[] => {
            const first = e.findings[0]!;
            return [
              i + 1,
              minute(e.from),
              minute(e.to),
              titleOf(e),
              valueOf(first, 'seen'),
              valueOf(first, 'expected').replace(` ${first.unit}`, ''),
            ];
          }),
        },
      }),
    },
  ];
}

const valueOf = (f: Finding, which: 'seen' | 'expected'): string =>
  f.unit === '%' ? percent(f[which]) : `${amount(f[which])} ${f.unit}`;

/** So many findings of an episode are told; --json has all. */
const MOST_FINDINGS = 8;

function episodeSection(episode: Episode, i: number, { plots }: Found): Section {
  const { findings, contributors, door, events } = episode;
  const told = findings
    .slice(0, MOST_FINDINGS)
    .map(f => `${f.says}${f.also.length === 0 ? '' : ` ${sentence(f.also.join('; '))}`} (${chanceOf(f.p)})`);
  const rest = findings.length - MOST_FINDINGS;
  const drawn = plots.get(episode.id);
  return {
    heading: `${i + 1}. ${titleOf(episode)}, ${minute(episode.from)} to ${minute(episode.to)}`,
    text: [
      ...told,
      ...(rest > 0 ? [`And ${counted(rest, 'more finding')} of the same.`] : []),
      ...(door ? [`At the door: ${door.says}.`] : []),
      ...(events.length > 0
        ? [`${counted(episode.records, 'record')}, of which the first and the last are ${events.join(', ')}.`]
        : []),
    ],
    ...(drawn && drawn.hours.length > 1 && { plots: [plotOf(episode, drawn)] }),
    ...(contributors.length > 0 && {
      table: {
        columns: [
          { name: 'who and what' },
          { name: 'value' },
          { name: 'records', numeric: true },
          { name: 'share', numeric: true },
          { name: 'week before', numeric: true },
        ],
        rows: contributors.map((c): Cell[] => [
          c.column,
          c.value,
          c.records,
          percent(100 * c.share),
          c.share_before === null ? null : percent(100 * c.share_before),
        ]),
      },
    }),
    more: episode.show,
  };
}

const titleOf = ({ heading, sure }: Episode): string => (sure === 'likely' ? `${heading} (likely)` : heading);

function plotOf(episode: Episode, { unit, hours }: Drawn): Plot {
  const at = (micros: number): string => tsOfMicros(micros)!;
  const expected = hours.flatMap(h => (h.usual ? [{ at: at(h.at), ...h.usual }] : []));
  return {
    title: `${unit === '%' ? 'Share' : `${unit.slice(0, 1).toUpperCase()}${unit.slice(1)}`} by hour`,
    unit,
    kind: expected.length > 0 ? 'line' : 'bars',
    points: hours.map(h => ({ at: at(h.at), value: h.value })),
    ...(expected.length > 0 && { expected }),
    marks: [{ from: episode.from, to: episode.to, says: episode.heading }],
  };
}

function changesSection({ changes }: Anomalies): Section[] {
  if (changes.length === 0) return [];
  return [
    {
      heading: 'New models and versions',
      text: ['They answered for the first time in what was looked at: a fact, and no test.'],
      table: {
        columns: [
          { name: 'model' },
          { name: 'version' },
          { name: 'first' },
          { name: 'last' },
          { name: 'requests', numeric: true },
        ],
        rows: changes.map((c): Cell[] => [
          c.model,
          c.model_version,
          minute(c.first),
          minute(c.last),
          c.requests,
        ]),
      },
    },
  ];
}

function testsSection({ families, level }: Anomalies): Section[] {
  if (families.every(f => f.tested === 0)) return [];
  return [
    {
      heading: 'What was tested',
      text: [
        `Each kind has an equal part of the ${percent(100 * level)}, and likely ones come on top; what counts has also to be several times as much as usual, and not little. What is usual is taken from what came before each hour alone.`,
      ],
      table: {
        columns: [
          { name: 'kind' },
          { name: 'what' },
          { name: 'tests', numeric: true },
          { name: 'count', numeric: true },
        ],
        rows: families.filter(f => f.tested > 0).map((f): Cell[] => [f.family, f.about, f.tested, f.found]),
      },
    },
  ];
}
