import { createHash } from 'node:crypto';
import type { Asker } from '../query/inquiry.ts';
import { searchOptions, shellWord } from '../record/shell.ts';
import { tsOfMicros } from '../record/time.ts';
import { shortTs } from '../report/say.ts';
import { successAfter } from './door.ts';
import { about, type Evidence, evidenceOf, onsetIn, ownersOf, sharesBefore } from './evidence.ts';
import { type Candidate, HOUR_US, type Plotted } from './finding.ts';
import type { Frame } from './frame.ts';
import { entityKey, type Merged, type Owners } from './merged.ts';
import { regularity } from './repetition.ts';
import type { Drawn, Episode, Finding } from './report.ts';
import { headingOf, saysOf } from './says.ts';

/** A finding with the records that it is about, and whose they are. */
export interface Told extends Merged {
  readonly evidence: Evidence;
  readonly owners: Owners;
}

/** Looks at the records that a finding is about; what of them is missing has none. */
export async function toldOf(asker: Asker, finding: Merged): Promise<Told> {
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
export async function episodeOf(asker: Asker, group: readonly Told[]): Promise<Episode> {
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
export const rounded = (n: number): number => Number(n.toPrecision(6));

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

/** Hours around an episode: as its detector has them, else counted from its records, with what is usual as a line. */
export async function plotOf(asker: Asker, finding: Merged, frame: Frame): Promise<Drawn> {
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
