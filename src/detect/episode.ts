import { hash } from 'node:crypto';
import type { Door } from '../door/door.ts';
import { type Level, LEVELS, type Rule } from '../rules/rule.ts';

/** Hits of one rule and entity that belong together: what a person is told of once. */
export interface Episode {
  /** The same for the same first hit in the same log, whenever it is asked for. */
  readonly id: string;
  /** What its receiver needs to know of the rule. */
  readonly rule: Pick<Rule, 'id' | 'name' | 'title' | 'level' | 'description'> &
    Partial<Pick<Rule, 'falsepositives' | 'tags' | 'measures'>>;
  readonly entity: Readonly<Record<string, string | null>>;
  /** First event of the first window; the first and the last time that the rule fired. RFC 3339. */
  readonly from: string;
  readonly firstHit: string;
  readonly to: string;
  readonly hits: number;
  /** The largest value that it fired with, and what was usual then. */
  readonly value?: number;
  readonly usual?: number;
  /** Of the events at which it fired, what all of them have and the entity does not say. */
  readonly fired?: Readonly<Partial<Record<'user_id' | 'client_ip' | 'api_key_id', string>>>;
  /** Event ids of records that contributed: a few of the first and of the last. */
  readonly events: readonly string[];
  readonly door: Door;
  /** A command that shows the records. */
  readonly show: string;
  /** Why nothing of it is verified. */
  readonly unverified?: string;
  /** Of one that has grown tenfold since it was told of. */
  readonly again?: Again;
}

/** That an episode is told of once more: which telling this is, from 2, and how many hits it had at the one before. */
export interface Again {
  readonly telling: number;
  readonly before: number;
}

/** `first`: the event that the rule fired at first, or its time where it has none. */
export function episodeId(
  origin: string,
  rule: string,
  entity: readonly (string | null)[],
  first: string,
): string {
  return hash('sha256', JSON.stringify([origin, rule, entity, first])).slice(0, 32);
}

export const isAtLeast = (level: Level, least: Level): boolean =>
  LEVELS.indexOf(level) >= LEVELS.indexOf(least);

/** The most severe first, of these the latest. */
export function bySeverity(a: Pick<Episode, 'rule' | 'to' | 'id'>, b: typeof a): number {
  const severer = LEVELS.indexOf(b.rule.level) - LEVELS.indexOf(a.rule.level);
  if (severer !== 0) return severer;
  return a.to === b.to ? (a.id < b.id ? -1 : 1) : a.to < b.to ? 1 : -1;
}
