import { doorsOf, type Subject } from '../door/door.ts';
import type { Asker } from '../query/inquiry.ts';
import { tsOfMicros } from '../record/time.ts';
import { episodeOf, plotOf, rounded, type Told, toldOf } from './episode.ts';
import { type Candidate, FAMILIES, HOUR_US, type Tested } from './finding.ts';
import { type Frame, frameOf, noneIn } from './frame.ts';
import { merged, together } from './merged.ts';
import { changesOf } from './novelty.ts';
import type { Anomalies, Drawn, Episode, Found } from './report.ts';
import { allTests, BY_CHANCE, type Counted, counted } from './tests.ts';

export interface AnomalyOptions {
  /** Which share of the findings may be false: 0.05 where not given. */
  readonly level?: number;
}

/**
 * What is unusual in the records of a span, `until` excluded, each judged by what came before it alone; the asker has to have
 * the records before the span too, eight weeks of them at best. Nothing is drawn at random and no clock is read: the same
 * records give the same answer. Keeps tables called `an_*`. Throws what the asker throws.
 */
export async function findAnomalies(
  asker: Asker,
  span: { readonly since?: string; readonly until?: string },
  options: AnomalyOptions = {},
): Promise<Anomalies> {
  return (await findWithPlots(asker, span, options)).anomalies;
}

/** The same, with what is drawn. */
export async function findWithPlots(
  asker: Asker,
  span: { readonly since?: string; readonly until?: string },
  { level = LEVEL }: AnomalyOptions = {},
): Promise<Found> {
  const frame = await frameOf(asker, span);
  if (!frame) return { anomalies: { ...NOTHING, level, notes: [noneIn(span)] }, plots: new Map() };
  const tested = await allTests(asker, frame);
  const families = counted(tested, level);
  const groups = await groupsOf(
    asker,
    families.flatMap(f => f.counts),
  );
  const episodes: Episode[] = [];
  const plots = new Map<string, Drawn>();
  for (const group of groups.slice(0, MOST)) {
    const episode = await episodeOf(asker, group);
    plots.set(episode.id, await plotOf(asker, group[0]!, frame));
    episodes.push(episode);
  }
  const notes = [...whatIsThin(frame), ...new Set(tested.flatMap(t => t.notes))];
  if (groups.length > MOST)
    notes.push(`${groups.length - MOST} more episodes are left out: look at a shorter time`);
  const anomalies: Anomalies = {
    form: 'slmaudit-report-anomalies/1',
    since: tsOfMicros(frame.since)!,
    until: tsOfMicros(frame.until)!,
    records: frame.records,
    level,
    ...talliesOf(tested, families),
    episodes: await withDoors(asker, episodes, groups),
    changes: (await changesOf(asker, frame)).map(c => ({
      ...c,
      first: tsOfMicros(c.first)!,
      last: tsOfMicros(c.last)!,
    })),
    notes,
  };
  return { anomalies, plots };
}

/** What belongs together, in the order in which it began; within a group what says most first. */
async function groupsOf(asker: Asker, counts: readonly Candidate[]): Promise<Told[][]> {
  const findings: Told[] = [];
  for (const finding of merged(counts)) findings.push(await toldOf(asker, finding));
  return together(findings).sort((a, b) => a[0]!.from - b[0]!.from || a[0]!.p - b[0]!.p);
}

function talliesOf(
  tested: readonly Tested[],
  families: readonly Counted[],
): Pick<Anomalies, 'tested' | 'found' | 'likely' | 'by_chance' | 'families'> {
  return {
    tested: families.reduce((sum, f) => sum + f.tested, 0),
    found: families.reduce((sum, f) => sum + f.counts.length, 0),
    likely: families.reduce((sum, f) => sum + f.counts.filter(c => c.likely).length, 0),
    by_chance: BY_CHANCE * tested.filter(t => t.tested > 0).length,
    families: families.map(f => ({
      family: f.family,
      about: FAMILIES[f.family],
      tested: f.tested,
      found: f.counts.length,
      cutoff: f.cutoff === 0 ? null : rounded(f.cutoff),
    })),
  };
}

const LEVEL = 0.05;
/** A report of more is read by nobody. */
const MOST = 100;

const NOTHING: Anomalies = {
  form: 'slmaudit-report-anomalies/1',
  since: null,
  until: null,
  records: 0,
  level: LEVEL,
  tested: 0,
  found: 0,
  likely: 0,
  by_chance: 0,
  families: [],
  episodes: [],
  changes: [],
  notes: [],
};

/** What whoever it is about did at the door before. */
async function withDoors(
  asker: Asker,
  episodes: readonly Episode[],
  groups: readonly (readonly Told[])[],
): Promise<Episode[]> {
  const subjects = episodes.flatMap((episode, i): Subject[] => {
    const group = groups[i]!;
    const success = group.map(f => f.success).find(s => s !== undefined);
    const known = { ...group[0]!.owners, ...success, ...group[0]!.entity };
    const user = known.user_id ?? group.map(f => f.entity.user_id).find(u => u !== undefined);
    const ip = known.client_ip ?? group.map(f => f.entity.client_ip).find(a => a !== undefined);
    if (user === undefined && ip === undefined) return [];
    // Of failed logins themselves: what stood at the door up to their end, and the one that succeeded.
    const end = success ? tsOfMicros(success.at + 1)! : episode.to;
    const at = group[0]!.family === 'door' ? end : episode.from;
    const who = { ...(user !== undefined && { user_id: user }), ...(ip !== undefined && { client_ip: ip }) };
    return [{ key: episode.id, at, ...who }];
  });
  const doors = await doorsOf(asker, subjects, '24h');
  return episodes.map(episode => ({ ...episode, door: doors.get(episode.id) ?? null }));
}

/** What there is too little of to say much. */
function whatIsThin(frame: Frame): string[] {
  const notes: string[] = [];
  const days = (Math.min(frame.until, frame.to) - frame.from) / (24 * HOUR_US);
  if (frame.to - frame.from < HOUR_US)
    notes.push('all records are of less than an hour: nothing can be compared');
  else if (days < 7)
    notes.push(
      `there are ${days < 2 ? `${Math.max(1, Math.round(days * 24))} hours` : `${Math.floor(days)} days`} of history: a week is needed for what users and addresses do, three days for the rest`,
    );
  else if (days < 28)
    notes.push(
      `there are ${Math.floor(days)} days of history: what is usual is taken from hours of the day, not of the week, until three weeks are there, and silences of single sources and models are not judged until then`,
    );
  return notes;
}
