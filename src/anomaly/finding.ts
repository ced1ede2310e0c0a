/** What was tested, by name: each family has its share of the false discoveries that are allowed. */
export const FAMILIES = {
  requests: 'requests an hour, of all and of each model: more or fewer than usual',
  silence: 'gaps without any record, of all, of each source and of each model',
  failures: 'failed requests an hour, of each model and version',
  latency: 'time of requests of like length an hour, of each model',
  'user-requests': 'requests of a user in an hour and in a day',
  'address-requests': 'requests from an address in an hour',
  'user-tokens': 'tokens of a user in a day and in an hour',
  'user-failures': 'failed or refused requests of a user in a day',
  'new-address': 'requests in the first day of an address that nobody used before',
  repetition: 'the same prompt from the same user in a day',
  door: 'failed logins of an address or an account in an hour',
  exfiltration: 'completions of a user in a day: many tokens, and long for what was asked',
} as const;

export type Family = keyof typeof FAMILIES;

/** Names of columns with what they hold; without any, all records. */
export type Entity = Readonly<Partial<Record<EntityColumn, string>>>;
export type EntityColumn = 'user_id' | 'client_ip' | 'model' | 'model_version' | 'source_id' | 'prompt_hash';

/** One test whose value is small and whose effect is large enough to be told, before it is known if it counts. */
export interface Candidate {
  readonly family: Family;
  readonly entity: Entity;
  /** Hours or days since 1970, `to` excluded, in microseconds. */
  readonly from: number;
  readonly to: number;
  readonly seen: number;
  readonly expected: number;
  /** 99% of what is usual lies no further; undefined where that is no number. */
  readonly usual?: { readonly low: number; readonly high: number };
  /** Of `seen` and `expected`: requests, tokens, %, ms, minutes. */
  readonly unit: string;
  readonly p: number;
  /** It doesn't count by the share of what may be false, but few such are to be expected by chance. */
  readonly likely?: true;
  /** What `expected` was made from, in words. */
  readonly by: string;
  /** Further facts, for people: `never seen in 92 days`. */
  readonly also: readonly string[];
  /** A condition over `records` that, with the entity and the times, finds what it is about; SQL of this program alone. */
  readonly where: string;
  /** The same as options of `slmaudit search`. */
  readonly flags: string;
  /** Says less of what happened than others that it comes with. */
  readonly minor?: boolean;
  /** A login that succeeded behind failed ones; `at`: microseconds since 1970. */
  readonly success?: { readonly event_id: string; readonly at: number; readonly user_id?: string };
  /** Hours around it and what was usual for each; of dense series alone. */
  readonly plot?: () => readonly Plotted[];
}

/** An hour of a plot; the value is null where nothing is known, `usual` undefined where too little came before. */
export interface Plotted {
  readonly at: number;
  readonly value: number | null;
  readonly usual?: { readonly low: number; readonly mid: number; readonly high: number };
}

/** What a detector tells. */
export interface Tested {
  readonly family: Family;
  /** How many tests there were, whatever came of them. */
  readonly tested: number;
  readonly candidates: readonly Candidate[];
  /** What it could not judge, and why. */
  readonly notes: readonly string[];
}

export const HOUR_US = 3_600_000_000;
