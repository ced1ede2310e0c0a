import type { Entry } from './entry.ts';
import { type EntryLine, malformed, parseCount } from './line.ts';
import { LineReader, matched } from './reader.ts';

/**
 * What may be deleted, and what must be (`slmaudit/policy/v1`). Its own lines, in this order:
 *
 *     preset <name> <YYYY-MM-DD>                    which presets it was combined from, and their dates
 *     class <name> <min days> <max days>|none sealed|record <review day>|none [<basis> ...]
 *     rule <n> <class> <column> <value> [...]       conditions of one n must all hold; the first n that does says the class
 *     grace <days>                                  how long this policy still binds once another has come
 *     redact any                                    rows may be redacted before their minimum
 *     retroactive yes                               segments of earlier policies are judged by this one alone
 *
 * Ages count from the moment of sealing, or from the newest `ts` of a segment's records, never later than that.
 */
export interface Policy {
  readonly presets: readonly { readonly name: string; readonly date: string }[];
  /** `default` is among them. */
  readonly classes: readonly RetentionClass[];
  readonly rules: readonly ClassRule[];
  /** Days. */
  readonly grace: number;
  readonly redactAny: boolean;
  readonly retroactive: boolean;
}

export interface RetentionClass {
  readonly name: string;
  /** Days: nothing younger is deleted. */
  readonly min: number;
  /** Days: what is older is to be deleted; absent: nothing must be. */
  readonly max?: number;
  readonly age: 'sealed' | 'record';
  /** Day on which the periods are to be looked at again. */
  readonly review?: string;
  /** Codes of the legal basis, such as `eu-ai-act:19(1)`. */
  readonly basis: readonly string[];
}

/** All conditions must hold; `*` in a value stands for anything. */
export interface ClassRule {
  readonly class: string;
  readonly where: readonly { readonly column: RuledColumn; readonly values: readonly string[] }[];
}

/** Columns that say what kind of record it is, and nothing of a person. */
export const RULED = [
  'source_id',
  'source_format',
  'event_type',
  'user_kind',
  'model',
  'provider',
  'operation',
] as const;
export type RuledColumn = (typeof RULED)[number];

export const DEFAULT_CLASS = 'default';
export const LEAST_GRACE = 7;
/** Days: a hundred years. */
export const MOST_DAYS = 36_525;

/** Policy 0, genesis: nothing may be deleted until a policy says otherwise. */
export const KEEP_ALL: Policy = {
  presets: [],
  classes: [{ name: DEFAULT_CLASS, min: Infinity, age: 'sealed', basis: [] }],
  rules: [],
  grace: LEAST_GRACE,
  redactAny: false,
  retroactive: false,
};

export const CLASS_NAME: RegExp = /^[a-z][a-z0-9_-]{0,31}$/;
export const BASIS: RegExp = /^[A-Za-z0-9][A-Za-z0-9.:()/_-]{0,63}$/;
const PRESET = /^[a-z0-9][a-z0-9-]{0,31}$/;

export function policyLines(p: Policy): EntryLine[] {
  return [
    ...p.presets.map(({ name, date }) => ({ key: 'preset', values: [name, date] })),
    ...p.classes.map(c => ({
      key: 'class',
      values: [
        c.name,
        String(c.min),
        c.max === undefined ? 'none' : String(c.max),
        c.age,
        c.review ?? 'none',
        ...c.basis,
      ],
    })),
    ...p.rules.flatMap((rule, n) =>
      rule.where.map(({ column, values }) => ({
        key: 'rule',
        values: [String(n), rule.class, column, ...values],
      })),
    ),
    { key: 'grace', values: [String(p.grace)] },
    ...(p.redactAny ? [{ key: 'redact', values: ['any'] }] : []),
    ...(p.retroactive ? [{ key: 'retroactive', values: ['yes'] }] : []),
  ];
}

/** Throws ENTRY_MALFORMED, WRITTEN_BY_NEWER. */
export function parsePolicy(entry: Entry): Policy {
  const read = new LineReader(entry, 'policy', ['preset', 'class', 'rule', 'grace', 'redact', 'retroactive']);
  const presets = [...read.many('preset', 2)].map(([name, date]) => ({
    name: matched(name!, PRESET, 'a preset'),
    date: day(date!),
  }));
  const classes = [...read.many('class', 6, 5)].map(parseClass);
  const rules: { class: string; where: ClassRule['where'][number][] }[] = [];
  for (const [n, name, column, ...values] of read.many('rule', 5, 4)) {
    const index = parseCount(n!, 'a rule');
    const known = RULED.find(c => c === column);
    if (!known) throw malformed(`a rule about ${column}`);
    const rule = rules[index] ?? { class: name!, where: [] };
    if (index > rules.length || index < rules.length - 1 || rule.class !== name)
      throw malformed('rules out of order');
    rules[index] = rule;
    rule.where.push({ column: known, values });
  }
  const grace = days(read.need('grace', 1)[0]!, 'grace');
  const redactAny = flag(read.optional('redact', 1), 'any');
  const retroactive = flag(read.optional('retroactive', 1), 'yes');
  read.end();
  const names = classes.map(c => c.name);
  if (new Set(names).size !== names.length || !names.includes(DEFAULT_CLASS))
    throw malformed('a policy has each class once, and the class default');
  if (rules.some(r => !names.includes(r.class))) throw malformed('a rule names no class');
  if (grace < LEAST_GRACE) throw malformed(`a grace of less than ${LEAST_GRACE} days`);
  return { presets, classes, rules, grace, redactAny, retroactive };
}

function parseClass(values: readonly string[]): RetentionClass {
  const [name, min, max, age, review, ...basis] = values;
  const least = days(min!, 'a minimum');
  const most = max === 'none' ? undefined : days(max!, 'a maximum');
  if (most !== undefined && most < least) throw malformed('a maximum below its minimum');
  if (age !== 'sealed' && age !== 'record') throw malformed('an age that is neither sealed nor record');
  return {
    name: matched(name!, CLASS_NAME, 'a class'),
    min: least,
    ...(most !== undefined && { max: most }),
    age,
    ...(review !== 'none' && { review: day(review!) }),
    basis: basis.map(b => matched(b, BASIS, 'a basis')),
  };
}

function days(text: string, what: string): number {
  const n = parseCount(text, what);
  if (n > MOST_DAYS) throw malformed(`${what} of more than ${MOST_DAYS} days`);
  return n;
}

function day(text: string): string {
  const at = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : NaN;
  if (Number.isNaN(at) || new Date(at).toISOString().slice(0, 10) !== text) throw malformed('not a day');
  return text;
}

function flag(values: readonly string[] | undefined, word: string): boolean {
  if (values && values[0] !== word) throw malformed(`a line that says neither nothing nor ${word}`);
  return values !== undefined;
}

/** The class that a policy gives a record with these values. */
export function classOf(
  policy: Policy,
  record: { readonly [C in RuledColumn]?: string | undefined },
): string {
  const rule = policy.rules.find(r =>
    r.where.every(({ column, values }) => {
      const value = record[column];
      return value !== undefined && values.some(v => isLike(value, v));
    }),
  );
  return rule?.class ?? DEFAULT_CLASS;
}

/** What stands between the stars, each as early as can be: time grows with the length of the value, whatever the pattern. */
function isLike(value: string, pattern: string): boolean {
  const [first, ...rest] = pattern.split('*') as [string, ...string[]];
  const last = rest.pop();
  if (last === undefined) return value === pattern;
  if (!value.startsWith(first) || value.length < first.length + last.length) return false;
  let at = first.length;
  for (const part of rest) {
    at = value.indexOf(part, at);
    if (at < 0) return false;
    at += part.length;
  }
  return at <= value.length - last.length && value.endsWith(last);
}

/** The class of that name, or what stands for one that a policy doesn't have. */
export function classIn(policy: Policy, name: string): RetentionClass {
  return policy.classes.find(c => c.name === name) ?? policy.classes.find(c => c.name === DEFAULT_CLASS)!;
}
