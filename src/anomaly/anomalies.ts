import { createHash } from 'node:crypto';
import { doorsOf, type Subject } from '../door/door.ts';
import type { Asker } from '../query/inquiry.ts';
import { tsOfMicros } from '../record/time.ts';
import { searchOptions, shellWord } from '../record/shell.ts';
import { shortTs } from '../report/say.ts';
import { about, type Evidence, evidenceOf, onsetIn, ownersOf, sharesBefore } from './evidence.ts';
import { type Candidate, FAMILIES, HOUR_US, type Plotted } from './finding.ts';
import { type Frame, frameOf, noneIn } from './frame.ts';
import { entityKey, type Merged, merged, type Owners, together } from './merged.ts';
import { changesOf } from './novelty.ts';
import { successAfter } from './door.ts';
import { regularity } from './repetition.ts';
import type { Anomalies, Drawn, Episode, Finding, Found } from './report.ts';
import { headingOf, saysOf } from './says.ts';
import { allTests, BY_CHANCE, counted } from './tests.ts';

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
  return (await foundIn(asker, span, options)).anomalies;
}

/** The same, with what is drawn. */
export async function foundIn(
  asker: Asker,
  span: { readonly since?: string; readonly until?: string },
  { level = LEVEL }: AnomalyOptions = {},
): Promise<Found> {
  const frame = await frameOf(asker, span);
  if (!frame) return { anomalies: { ...NOTHING, level, notes: [noneIn(span)] }, plots: new Map() };
  const tested = await allTests(asker, frame);
  const families = counted(tested, level);
  const findings: Told[] = [];
  for (const finding of merged(families.flatMap(f => f.counts))) findings.push(await toldOf(asker, finding));
  const groups = together(findings).sort((a, b) => a[0]!.from - b[0]!.from || a[0]!.p - b[0]!.p);
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

interface Told extends Merged {
  readonly evidence: Evidence;
  readonly owners: Owners;
}

/** Looks at the records that a finding is about; what of them is missing has none. */
async function toldOf(asker: Asker, finding: Merged): Promise<Told> {
  if (finding.seen < finding.expected)
    return { ...finding, evidence: { records: 0, events: [], contributors: [] }, owners: {} };
  let near = finding;
  if (finding.family === 'repetition') near = { ...finding, ...(await regularity(asker, finding)) };
  if (finding.family === 'door') near = { ...finding, ...(await successAfter(asker, finding)) };
  const evidence = await evidenceOf(asker, near);
  const owners = ownersOf(evidence);
  // What one user or address does to a model says less than what that user or address did.
  const isOf =
    near.entity.user_id === undefined && near.entity.client_ip === undefined && owners.user_id !== undefined;
  return { ...near, ...(isOf && { minor: true }), evidence, owners };
}

/** `group`: not empty, what says most first. */
async function episodeOf(asker: Asker, group: readonly Told[]): Promise<Episode> {
  const first = group[0]!;
  const { records, contributors } = first.evidence;
  const events = [...new Set([...first.evidence.events, ...group.flatMap(f => f.success?.event_id ?? [])])];
  const isLess = first.seen < first.expected;
  const isKnown = isLess || first.family === 'repetition' || first.family === 'latency';
  const onset = isKnown ? first.from : await onsetIn(asker, first);
  const hours = group.filter(f => f.minor !== true && f.to - f.from < 24 * HOUR_US);
  const from = onset ?? first.evidence.first ?? first.from;
  const to = Math.max(
    ...(hours.length > 0 ? hours : group).map(f => Math.min(f.to, (f.evidence.last ?? f.to) + 1)),
    from,
  );
  return {
    id: createHash('sha256')
      .update(JSON.stringify([first.family, entityKey(first), first.from, events[0] ?? null]))
      .digest('hex')
      .slice(0, 32),
    heading: headingOf(first, group),
    sure: group.some(f => !f.likely) ? 'high' : 'likely',
    from: tsOfMicros(from)!,
    to: tsOfMicros(to)!,
    entity: first.entity,
    findings: group.map(findingOf),
    records,
    contributors: isLess ? [] : await sharesBefore(asker, first, contributors),
    events,
    door: null,
    show: showOf(first, from, to),
  };
}

/** Sums of floats depend on who adds what first: digits that do are not told. */
const rounded = (n: number): number => Number(n.toPrecision(6));

function findingOf(f: Merged): Finding {
  return {
    family: f.family,
    entity: f.entity,
    from: tsOfMicros(f.from)!,
    to: tsOfMicros(f.to)!,
    seen: rounded(f.seen),
    expected: rounded(f.expected),
    unit: f.unit,
    by: f.by,
    p: rounded(f.p),
    sure: f.likely ? 'likely' : 'high',
    tests: f.tests,
    says: saysOf(f),
    also: f.also,
  };
}

/** A command that shows what an episode is about; of what did not come, what came around it. */
function showOf(finding: Candidate, from: number, to: number): string {
  const isLess = finding.seen < finding.expected;
  const around = isLess ? HOUR_US : 0;
  const span = `--since ${second(from - around, Math.floor)} --until ${second(to + around, Math.ceil)}`;
  const { user_id, client_ip, model, model_version, source_id } = finding.entity;
  if (isLess && model !== undefined) return ['slmaudit search', span, ...searchOptions({ model })].join(' ');
  if (isLess)
    return `slmaudit coverage ${span} --silences --silence 10m${source_id === undefined ? '' : ` --source ${shellWord(source_id)}`}`;
  const options = [span, finding.flags, ...searchOptions({ user_id, client_ip, model, model_version })];
  return `slmaudit search ${options.filter(o => o !== '').join(' ')}`;
}

const second = (micros: number, round: (n: number) => number): string =>
  shortTs(tsOfMicros(round(micros / 1e6) * 1e6)!);

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

/** Hours around an episode: as its detector has them, else counted from its records, with what is usual as a line. */
async function plotOf(asker: Asker, finding: Merged, frame: Frame): Promise<Drawn> {
  const drawn = finding.plot?.();
  if (drawn) return { unit: finding.family === 'silence' ? 'records' : finding.unit, hours: drawn };
  const begin = Math.max(frame.from, finding.from - 72 * HOUR_US);
  const first = Math.floor(begin / HOUR_US);
  const length = Math.min(
    200,
    Math.floor(Math.min(frame.to, finding.to + 24 * HOUR_US) / HOUR_US) - first + 1,
  );
  const { sql, parameters } = about(finding, first * HOUR_US, (first + length) * HOUR_US);
  const value =
    finding.unit === 'tokens'
      ? finding.family === 'exfiltration'
        ? 'sum(output_tokens)'
        : 'sum(total_tokens)'
      : finding.unit === 'ms'
        ? 'avg(latency_us) / 1000'
        : 'count(*)';
  const rows = await asker.all(
    `SELECT epoch_us(ts) // ${HOUR_US} AS hour, ${value} AS v FROM records WHERE ${sql} GROUP BY hour`,
    parameters,
  );
  const none = finding.unit === 'ms' ? null : 0;
  const hours: Plotted[] = Array.from({ length }, (_, i) => ({ at: (first + i) * HOUR_US, value: none }));
  for (const row of rows) {
    const i = Number(row['hour']) - first;
    hours[i] = { at: hours[i]!.at, value: Number(row['v']) };
  }
  return { unit: finding.unit === 'times' ? 'requests' : finding.unit, hours };
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
