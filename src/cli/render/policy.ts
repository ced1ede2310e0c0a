import type { Policy, RetentionClass } from '../../log/policy.ts';
import type { Outcome } from '../../policy/set.ts';
import { counted, grouped } from '../values.ts';

/** What a policy comes to, in a few lines. */
export function outcomeLines(outcome: Outcome): string[] {
  const { entry, same, policy, before, changes, binding, sealed } = outcome;
  if (same) return [`policy ${before.entry} says all that already; nothing was written`];
  const lines = [
    entry === undefined
      ? 'this policy would be in force from now on; nothing was written'
      : `policy ${entry} is in force`,
  ];
  const width = Math.max(...policy.classes.map(c => c.name.length)) + 2;
  for (const c of policy.classes) lines.push(`  ${c.name.padEnd(width)}${classLine(c)}`);
  for (const rule of policy.rules) lines.push(`  ${ruleText(rule)} is ${rule.class}`);
  if (policy.redactAny) lines.push('  rows may be redacted before their minimum');
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
