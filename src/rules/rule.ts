/** What a rule says, with what it leaves out filled in. Spans are seconds. */
export interface Rule {
  /** Its own, else its name, else its title in small letters. */
  readonly id: string;
  readonly name?: string;
  readonly title: string;
  readonly level: Level;
  readonly status?: string;
  readonly description?: string;
  readonly falsepositives: readonly string[];
  readonly references: readonly string[];
  readonly tags: readonly string[];
  /** Absent: what matches alone is a hit. */
  readonly correlation?: CorrelationType;
  /** What its number counts, and within how many seconds. */
  readonly measures?: { readonly what: string; readonly within: number };
  readonly file: string;
  readonly line: number;
  /** As it is written. */
  readonly text: string;
  readonly options: RuleOptions;
}

export const LEVELS = ['informational', 'low', 'medium', 'high', 'critical'] as const;
export type Level = (typeof LEVELS)[number];

export const CORRELATIONS = [
  'event_count',
  'value_count',
  'value_sum',
  'value_avg',
  'temporal',
  'temporal_ordered',
] as const;
export type CorrelationType = (typeof CORRELATIONS)[number];

/** Under `slmaudit:`. */
export interface RuleOptions {
  readonly entity?: readonly string[];
  readonly firstSeen?: FirstSeen;
  readonly usual?: Usual;
  readonly episode: number;
  readonly suppress: number;
  readonly door: { readonly by: readonly string[]; readonly before: number };
  /** A zone by its IANA name, for what asks for an hour or a day. */
  readonly zone: string;
  readonly tests: readonly RuleTest[];
}

export interface FirstSeen {
  readonly fields: readonly string[];
  readonly over: number;
  readonly after: number;
  /** What comes of a tuple for so long behind its first event passes too; 0: the first one alone. */
  readonly for: number;
}

export interface Usual {
  readonly times: number;
  readonly over: number;
  readonly after: number;
}

/** Events, and the episodes that they must make: these and no others. */
export interface RuleTest {
  readonly name: string;
  readonly line: number;
  readonly events: readonly Readonly<Record<string, string | number | boolean>>[];
  readonly hits: readonly ExpectedHit[];
}

export interface ExpectedHit {
  readonly entity: Readonly<Record<string, string | null>>;
  /** RFC 3339, of the first hit. */
  readonly at?: string;
  readonly line: number;
}

/** A rule that can be asked. */
export interface CompiledRule {
  readonly rule: Rule;
  /**
   * Names of the entity's columns: `group-by` of a correlation, `entity` of a plain rule. Where neither is said: user_id, and
   * client_ip of records that name no user.
   */
  readonly entity: readonly string[];
  /**
   * A SELECT, a row a hit, in no order: ts (when it fired: the last event), from_ts (first event of the window), seq, event_id,
   * value DOUBLE, usual DOUBLE, entity VARCHAR[], user_id, client_ip, api_key_id (of the firing event).
   */
  readonly hits: string;
  /** The same, where something of it lasts, such as a silence: up to that time (RFC 3339). */
  readonly hitsUntil?: (until: string) => string;
  /**
   * A SELECT of seq, event_id, ts of the records from $from to $to (both included) that can have contributed, of the entity
   * $e1 to $en: '' where it has none.
   */
  readonly evidence: string;
  /** Ids of the rules that it is made from. */
  readonly parts: readonly string[];
  /** Views that `hits` reads beside records. */
  readonly tables: readonly string[];
  /** Seconds before a hit that what makes it one can lie back; detection from T on has to read from T - lookback on. */
  readonly lookback: number;
  /** A command that shows the records of an episode; `from` and `to` as in RFC 3339. */
  readonly show: (from: string, to: string, entity: readonly (string | null)[]) => string;
}

export interface RuleProblem {
  readonly file: string;
  readonly line?: number;
  readonly column?: number;
  /** Stable: UNKNOWN_FIELD, UNSUPPORTED_MODIFIER, ... */
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}
