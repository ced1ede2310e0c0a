import type { Door } from '../door/door.ts';
import type { Contributor } from './evidence.ts';
import type { Entity, Family, Plotted } from './finding.ts';

/** What `slmaudit report anomalies --json` prints: stable. Times are RFC 3339 with six digits and Z. */
export interface Anomalies {
  readonly form: 'slmaudit-report-anomalies/1';
  /** Of what is told; what came before is what is usual. Null: there is no record. */
  readonly since: string | null;
  readonly until: string | null;
  /** Records that were looked at, those before `since` among them. */
  readonly records: number;
  /** At most this share of the findings is false, if usual times are as they are taken to be. */
  readonly level: number;
  readonly tested: number;
  /** Tests that count, by their share or as likely ones. */
  readonly found: number;
  /** Of these, the likely ones; and how many of them are to be expected by chance at most. */
  readonly likely: number;
  readonly by_chance: number;
  readonly families: readonly FamilyTests[];
  /** In the order in which they began. */
  readonly episodes: readonly Episode[];
  /** Models and versions that answered for the first time: facts, not tests. */
  readonly changes: readonly ChangeTold[];
  /** What could not be judged, and why. */
  readonly notes: readonly string[];
}

export interface FamilyTests {
  readonly family: Family;
  readonly about: string;
  readonly tested: number;
  /** How many count: small enough for all that was tested, and large enough an effect. */
  readonly found: number;
  /** The largest value that counts; null where none does. */
  readonly cutoff: number | null;
}

/** Findings that are about the same at the same time. */
export interface Episode {
  /** 32 hex digits, the same for the same log. */
  readonly id: string;
  readonly heading: string;
  /** `high`: at most the level's share of such is false. `likely`: on its own it could be one of the few that chance makes. */
  readonly sure: 'high' | 'likely';
  /** Since when, as near as the records tell. */
  readonly from: string;
  readonly to: string;
  readonly entity: Entity;
  /** The one that says most of what happened first. */
  readonly findings: readonly Finding[];
  /** Records of the first finding. */
  readonly records: number;
  readonly contributors: readonly Contributor[];
  /** Ids of a few of its records: the first and the last. */
  readonly events: readonly string[];
  /** What the same user or address did at the door in the day before; null where there is nobody to ask about. */
  readonly door: Door | null;
  /** The command that shows the records. */
  readonly show: string;
}

export interface Finding {
  readonly family: Family;
  readonly entity: Entity;
  readonly from: string;
  readonly to: string;
  /** At its peak. */
  readonly seen: number;
  readonly expected: number;
  readonly unit: string;
  /** What `expected` was made from. */
  readonly by: string;
  readonly p: number;
  readonly sure: 'high' | 'likely';
  /** Tests that count and became this finding. */
  readonly tests: number;
  readonly says: string;
  readonly also: readonly string[];
}

export interface ChangeTold {
  readonly model: string;
  readonly model_version: string | null;
  readonly first: string;
  readonly last: string;
  readonly requests: number;
}

/** Beside the data, for those who draw: hours around each episode, by its id. */
export interface Found {
  readonly anomalies: Anomalies;
  readonly plots: ReadonlyMap<string, Drawn>;
}

export interface Drawn {
  readonly unit: string;
  readonly hours: readonly Plotted[];
}
