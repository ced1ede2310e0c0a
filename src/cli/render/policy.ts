import type { Policy, RetentionClass } from '../../log/policy.ts';
import type { Outcome } from '../../policy/set.ts';
import { counted, grouped } from '../values.ts';
import { printable } from '../voice.ts';
import { wrapped } from './wrap.ts';

/** A policy that binds, now or for what was sealed under it. */
export interface Binding {
  readonly entry: number;
  readonly policy: Policy;
  readonly at: string;
  readonly state: 'in force' | 'in its grace' | 'for its own';
  readonly until: string | undefined;
  /** Sealed under it, and still there. */
  readonly segments: number;
}

/** What binds, in lines that fit. */
export const bindingLines = (all: readonly Binding[], width: number | undefined): string[] =>
  all.flatMap(({ entry, policy, at, state, until, segments }) => {
    const how = {
      'in force': `is in force since ${second(at)}`,
      'in its grace': `binds beside it until ${second(until ?? '')}`,
      'for its own': 'binds for what was sealed under it',
    }[state];
    const under = segments > 0 ? `; ${counted(segments, 'segment')} sealed under it` : '';
    const side = classWidth(policy) + 2;
    return [
      wrapped(printable(`${named(entry)} ${how}${under}`), width, 2, false),
      ...bodyLines(policy).map(line => wrapped(printable(line), width, side, false)),
      `  grace ${counted(policy.grace, 'day')}${policy.retroactive ? '; retroactive' : ''}`,
    ];
  });

const second = (at: string): string => at.replace(/\.\d+Z$/, 'Z');

/** Classes, rules and what else a policy says. */
function bodyLines({ classes, rules, redactAny }: Policy): string[] {
  const width = classWidth({ classes });
  return [
    ...classes.map(c => `  ${c.name.padEnd(width)}${classLine(c)}`),
    ...rules.map(rule => `  ${ruleText(rule)} is ${rule.class}`),
    ...(redactAny ? ['  rows may be redacted before their minimum'] : []),
  ];
}

const classWidth = ({ classes }: Pick<Policy, 'classes'>): number =>
  Math.max(...classes.map(c => c.name.length)) + 2;

/** What a policy comes to, in a few lines. */
export function outcomeLines(outcome: Outcome): string[] {
  const { entry, same, policy, before, changes, binding, sealed } = outcome;
  if (same) return [`policy ${before.entry} says all that already; nothing was written`];
  const lines = [
    entry === undefined
      ? 'this policy would be in force from now on; nothing was written'
      : `policy ${entry} is in force`,
  ];
  lines.push(...bodyLines(policy));
  if (changes.length === 0) lines.push(`periods as in ${named(before.entry)}`);
  for (const c of changes)
    lines.push(
      `${c.looser ? 'looser' : 'change'}: ${c.class} was kept ${bounds(c.min[0], c.max[0])}, by ${named(before.entry)}`,
    );
  for (const { policy: n, until } of binding)
    lines.push(`${named(n)} binds beside it until ${until}: what it keeps is not deleted before`);
  for (const { policy: n, segments, forEver } of sealed)
    lines.push(
      `${counted(segments, 'segment')} sealed under ${named(n)}: ${policy.retroactive ? RETROACTIVE : ownLine(segments, forEver)}`,
    );
  if (policy.rules.length > 0 && sealed.length > 0)
    lines.push('they keep the class that they were sealed with: rules are for what is sealed from now on');
  return lines;
}

const RETROACTIVE = 'judged by this policy alone once no other binds, since it is retroactive';

function ownLine(segments: number, forEver: number): string {
  const own = 'judged by that one too, as long as this is not retroactive';
  if (forEver === 0) return own;
  return `${own}: it keeps ${forEver === segments ? (segments === 1 ? 'it' : 'them') : grouped(forEver)} for ever`;
}

function classLine({ min, max, age, review, basis }: RetentionClass): string {
  const parts = [`${bounds(min, max)}, from ${age === 'sealed' ? 'sealing' : 'its newest record'}`];
  if (basis.length > 0) parts.push(basis.join(' '));
  if (review !== undefined) parts.push(`look again by ${review}`);
  return parts.join('; ');
}

function bounds(min: number, max: number | undefined): string {
  const least = min === Infinity ? 'for ever' : `${counted(min, 'day')} at least`;
  return `${least}, ${max === undefined ? 'no maximum' : `${grouped(max)} at most`}`;
}

export const named = (entry: number): string => (entry === 0 ? 'policy 0 (genesis)' : `policy ${entry}`);

/** `event_type auth or admin, model test-*` */
export const ruleText = ({ where }: Policy['rules'][number]): string =>
  where.map(({ column, values }) => `${column} ${values.join(' or ')}`).join(', ');
