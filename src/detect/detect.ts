import { type Door, doorsOf, type Subject } from '../door/door.ts';
import { AuditError } from '../errors.ts';
import type { Asker, Row } from '../query/inquiry.ts';
import { microsOf, tsOfMicros } from '../record/time.ts';
import { episodesSql, MOST_EPISODES } from '../rules/episodes.ts';
import type { CompiledRule } from '../rules/rule.ts';
import { bySeverity, type Episode, episodeId } from './episode.ts';

export interface DetectOptions {
  /** Of the log: part of what an episode is called. */
  readonly origin: string;
  /** Only episodes with a hit from then on. */
  readonly since?: string | undefined;
  /** From when on there are records to be asked, if not all are; see readFrom(). */
  readonly from?: string | undefined;
  /** Up to when what lasts is asked for, such as a silence. */
  readonly until?: string | undefined;
  readonly signal?: AbortSignal;
  readonly onRule?: (done: number) => void;
  /** What an episode is called, where it is known by another id, and whether it is told again; undefined: it is not asked for. */
  readonly known?: (found: Found) => Pick<Episode, 'id' | 'again'> | undefined;
}

/** An episode before it is looked at more closely. */
export interface Found extends Pick<Episode, 'id' | 'from' | 'firstHit' | 'to' | 'hits' | 'again'> {
  readonly compiled: CompiledRule;
  readonly entity: readonly (string | null)[];
  readonly row: Row;
}

export interface FailedRule {
  readonly rule: CompiledRule['rule'];
  readonly error: AuditError;
}

export interface Detected {
  /** The most severe first, of these the latest. */
  readonly episodes: readonly Episode[];
  readonly failed: readonly FailedRule[];
  /** Why nobody was looked for at the door. */
  readonly doorless?: AuditError;
  /** Rules of which only the latest episodes are told, and how many they have. */
  readonly noisy: readonly { readonly rule: CompiledRule['rule']; readonly total: number }[];
}

/** Episodes whose contributing records are asked for; of others the events that fired are named. */
const MOST_LOOKED_AT = 25;
/** Of an episode's events, from each of its ends. */
const FEW = 3;
const OF_THE_QUESTION = new Set(['SQL_ERROR', 'SQL_REFUSED', 'QUERY_TIMEOUT', 'QUERY_MEMORY', 'QUERY_DIED']);

/** Another question may be answered. */
const isOfTheQuestion = (error: unknown): error is AuditError =>
  error instanceof AuditError && OF_THE_QUESTION.has(error.code);

/** From when on records have to be read so that episodes with a hit since `since` are what they would be if all were. */
export function readFrom(rules: readonly CompiledRule[], since: string | undefined): string | undefined {
  if (since === undefined) return undefined;
  const back = Math.max(0, ...rules.map(backOf));
  return tsOfMicros(Math.max(0, microsOf(since) - back * 1_000_000));
}

/** Seconds: an episode may have begun before, and what it begins with needs its own history. */
function backOf({ lookback, rule: { options } }: CompiledRule): number {
  return lookback + options.suppress + Math.max(options.episode, options.door.before);
}

/**
 * Asks rule by rule, then at the door. A rule that can't be answered is named, and the others go on. Throws as query() does
 * where it is not the rule's fault.
 */
export async function detect(
  asker: Asker,
  rules: readonly CompiledRule[],
  options: DetectOptions,
): Promise<Detected> {
  const { since, from, until, signal } = options;
  const found: Found[] = [];
  const failed: FailedRule[] = [];
  const noisy: { rule: CompiledRule['rule']; total: number }[] = [];
  for (const [done, compiled] of rules.entries()) {
    options.onRule?.(done);
    const bounds = {
      ...(from !== undefined && { ripe: microsOf(from) + compiled.lookback * 1_000_000 }),
      ...(since !== undefined && { since: microsOf(since) }),
      ...(until !== undefined && { until }),
    };
    try {
      const rows = await asker.all(episodesSql(compiled, bounds));
      const total = Number(rows[0]?.['total'] ?? 0);
      if (total > MOST_EPISODES) noisy.push({ rule: compiled.rule, total });
      for (const row of rows) found.push(foundOf(compiled, row, options.origin));
    } catch (error) {
      if (!isOfTheQuestion(error) || signal?.aborted) throw error;
      failed.push({ rule: compiled.rule, error });
    }
  }
  const used = new Set<string>();
  const asked = found.flatMap(f => {
    const known = options.known ? options.known(f) : { id: f.id };
    if (known === undefined) return [];
    // Two that were one before are two now.
    const named = used.has(known.id) ? { id: f.id } : known;
    used.add(named.id);
    return [{ ...f, ...named }];
  });
  asked.sort((a, b) => bySeverity(severityOf(a), severityOf(b)));
  const { doors, error: doorless } = await doorsAt(asker, asked);
  const episodes: Episode[] = [];
  for (const [i, one] of asked.entries()) {
    const events = i < MOST_LOOKED_AT ? await evidenceOf(asker, one) : [];
    episodes.push(episodeOf(one, doors.get(one.id) ?? NOT_LOOKED_AT, events));
  }
  return { episodes, failed, noisy, ...(doorless && { doorless }) };
}

const severityOf = ({ id, to, compiled }: Found): Pick<Episode, 'id' | 'to' | 'rule'> => ({
  id,
  to,
  rule: compiled.rule,
});

function foundOf(compiled: CompiledRule, row: Row, origin: string): Found {
  const entity = row['entity'] as (string | null)[];
  const firstHit = row['first_ts'] as string;
  const first = (row['event_id'] as string | null) ?? firstHit;
  return {
    id: episodeId(origin, compiled.rule.id, entity, first),
    from: row['from_ts'] as string,
    firstHit,
    to: row['last_ts'] as string,
    hits: Number(row['hits']),
    compiled,
    entity,
    row,
  };
}

/** One question for all rules that look equally far back. An episode without its door is better than none. */
async function doorsAt(
  asker: Asker,
  found: readonly Found[],
): Promise<{ readonly doors: ReadonlyMap<string, Door>; readonly error?: AuditError }> {
  const spans = new Set(found.map(f => f.compiled.rule.options.door.before));
  const doors = new Map<string, Door>();
  for (const span of spans) {
    const subjects = found.filter(f => f.compiled.rule.options.door.before === span).map(subjectOf);
    try {
      for (const [key, door] of await doorsOf(asker, subjects, spanText(span))) doors.set(key, door);
    } catch (error) {
      if (isOfTheQuestion(error)) return { doors, error };
      throw error;
    }
  }
  return { doors };
}

const NOT_LOOKED_AT: Door = {
  by: 'none',
  sure: 'low',
  failed: 0,
  succeeded: 0,
  without_mfa: 0,
  admin: 0,
  says: 'logins could not be looked at',
};

const WHO = ['user_id', 'client_ip', 'api_key_id'] as const;

/** Those of whom the episode is, and those that all its hits share. */
function subjectOf({ id, from, compiled, entity, row }: Found): Subject {
  const { by } = compiled.rule.options.door;
  const told = WHO.flatMap(name => {
    const own = entity[compiled.entity.indexOf(name)] ?? row[name];
    return by.includes(name) && typeof own === 'string' ? [[name, own]] : [];
  });
  return { key: id, at: from, ...Object.fromEntries(told) };
}

const SPANS = [
  [86_400, 'd'],
  [3600, 'h'],
  [60, 'm'],
] as const;

/** `24h` rather than `1d`: that is how people say it. */
function spanText(seconds: number): string {
  if (seconds === 86_400) return '24h';
  const [of, unit] = SPANS.find(([n]) => seconds > 0 && seconds % n === 0) ?? [1, 's'];
  return `${seconds / of}${unit}`;
}

async function evidenceOf(asker: Asker, { compiled, from, to, entity }: Found): Promise<readonly string[]> {
  const parameters = Object.fromEntries(
    [['from', from], ['to', to], ...entity.map((value, i) => [`e${i + 1}`, value ?? ''])].filter(([name]) =>
      new RegExp(`\\$${name}\\b`).test(compiled.evidence),
    ),
  ) as Record<string, string>;
  const sql = `WITH told AS (${compiled.evidence})
    SELECT event_id FROM (SELECT *, row_number() OVER (ORDER BY ts, event_id) AS place,
      row_number() OVER (ORDER BY ts DESC, event_id DESC) AS back FROM told)
    WHERE place <= ${FEW} OR back <= ${FEW} ORDER BY place`;
  try {
    return (await asker.all(sql, parameters)).map(row => row['event_id'] as string);
  } catch (error) {
    // The events that fired are evidence too.
    if (isOfTheQuestion(error)) return [];
    throw error;
  }
}

function toldOf({
  id,
  name,
  title,
  level,
  description,
  falsepositives,
  tags,
  measures,
}: CompiledRule['rule']): Episode['rule'] {
  return {
    id,
    ...(name !== undefined && { name }),
    title,
    level,
    ...(description !== undefined && { description }),
    ...(falsepositives.length > 0 && { falsepositives }),
    ...(tags.length > 0 && { tags }),
    ...(measures && { measures }),
  };
}

function episodeOf(found: Found, door: Door, evidence: readonly string[]): Episode {
  const { id, from, firstHit, to, hits, compiled, entity, row, again } = found;
  const { rule } = compiled;
  const number = (name: 'value' | 'usual'): Pick<Episode, 'value' | 'usual'> =>
    typeof row[name] === 'number' ? { [name]: row[name] } : {};
  const fired = WHO.flatMap(name =>
    typeof row[name] === 'string' && !compiled.entity.includes(name) ? [[name, row[name]]] : [],
  );
  return {
    id,
    rule: toldOf(rule),
    entity: Object.fromEntries(compiled.entity.map((name, i) => [name, entity[i] ?? null])),
    from,
    firstHit,
    to,
    hits,
    ...number('value'),
    ...number('usual'),
    ...(fired.length > 0 && { fired: Object.fromEntries(fired) }),
    events: evidence.length > 0 ? evidence : ((row['events'] as string[] | null) ?? []),
    door,
    show: compiled.show(from, to, entity),
    ...(again && { again }),
  };
}
