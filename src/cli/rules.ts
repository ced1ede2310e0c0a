import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { CompiledRule } from '../rules/rule.ts';
import type { Rules } from '../rules/read.ts';
import { AuditError } from '../errors.ts';
import { nearest } from '../record/nearest.ts';
import {
  type Asked,
  type Context,
  flag,
  type Given,
  type OptionSpec,
  type Suggestion,
  texts,
} from './command.ts';
import { counted } from './values.ts';

const SHIPPED = fileURLToPath(new URL('../../rules', import.meta.url));

export const RULES_OPTIONS: readonly OptionSpec[] = [
  {
    flags: '--rules <DIR>',
    about: 'rules of a folder, or of a file, beside the shipped ones and your own; again for more',
    many: true,
  },
  { flags: '--no-shipped', about: 'leave out the shipped rules' },
];

/** Shipped rules, the user's own, and those of --rules; of the same id the last counts. `only`: these files and no others. */
export async function rulesOf(
  given: Given,
  { rulesFolder }: Context,
  only: readonly string[] = [],
): Promise<Rules> {
  const { readRules } = await import('../rules/read.ts');
  if (only.length > 0) return readRules(only, undefined, { asOne: true });
  return readRules([
    ...[...(flag(given, 'shipped') ? [SHIPPED] : []), rulesFolder].filter(folder => existsSync(folder)),
    ...texts(given, 'rules'),
  ]);
}

/** For completions. */
export async function ruleNames({ rulesFolder }: Asked): Promise<readonly Suggestion[]> {
  const { readRules } = await import('../rules/read.ts');
  const { rules } = readRules([SHIPPED, rulesFolder].filter(folder => existsSync(folder)));
  return rules.map(({ rule }) => ({ value: rule.name ?? rule.id, about: rule.title }));
}

/** Whose is it: the program's, or the user's? */
export const isShipped = (file: string): boolean => file.startsWith(SHIPPED);

/** Says what is wrong with rules that are not run, and what is likely wrong with those that are. */
export function warnOf({ problems, warnings }: Rules, { voice }: Pick<Context, 'voice'>): void {
  for (const { file, line, message } of warnings.slice(0, 10)) voice.warn(`${file}:${line ?? 1}: ${message}`);
  for (const { file, line, message } of problems.slice(0, 10)) voice.warn(`${file}:${line ?? 1}: ${message}`);
  if (problems.length > 0)
    voice.hint(`${counted(problems.length, 'problem')}; \`slmaudit rules lint\` says all of it`);
}

/** By id, or by name. Throws NO_SUCH_RULE. */
export function ruleNamed({ rules, parts }: Rules, name: string): CompiledRule {
  const all = [...rules, ...parts];
  const found = all.find(({ rule }) => rule.id === name) ?? all.find(({ rule }) => rule.name === name);
  if (found) return found;
  const near = nearest(
    name,
    all.map(({ rule }) => rule.name ?? rule.id),
  );
  throw new AuditError('NO_SUCH_RULE', `no rule is called ${name}`, {
    hint: near.length > 0 ? `did you mean ${near.join(' or ')}?` : '`slmaudit rules list` lists them',
  });
}
