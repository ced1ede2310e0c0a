import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { AuditError } from '../errors.ts';
import { nearest } from '../record/nearest.ts';
import type { CompiledRule, RuleProblem } from '../rules/rule.ts';
import { type Context, type Given, type OptionSpec, texts } from './command.ts';

/** Which rules there are, to every verb that asks for some. */
export const RULE_OPTIONS: readonly OptionSpec[] = [
  { flags: '--rules <DIR>', about: 'rules of this folder or file too; again for more', many: true },
  { flags: '--no-shipped', about: 'without the rules that come with slmaudit' },
  { flags: '--rule <ID>', about: 'only this rule, by its id, name or title; again for more', many: true },
];

const SHIPPED = fileURLToPath(new URL('../../rules', import.meta.url));

/**
 * Those that are to be run: the shipped ones, the user's own, those of --rules; a later one of the same id stands for an earlier one. Problems are
 * told of unless rules were named. Throws NO_SUCH_RULE.
 */
export async function rulesOf(
  given: Given,
  { rulesFolder }: Context,
): Promise<{ readonly rules: readonly CompiledRule[]; readonly problems: readonly RuleProblem[] }> {
  const { readRules } = await import('../rules/read.ts');
  const folders = [...(given.options['shipped'] === false ? [] : [SHIPPED]), rulesFolder].filter(existsSync);
  const { rules, problems } = readRules([...folders, ...texts(given, 'rules')]);
  const named = texts(given, 'rule');
  if (named.length === 0) return { rules, problems };
  const names = ({ rule: { id, name, title } }: CompiledRule): string[] => [
    id,
    ...(name === undefined ? [] : [name]),
    title,
  ];
  const chosen = named.map(wanted => {
    const found = rules.find(r => names(r).includes(wanted));
    if (found) return found;
    const near = nearest(wanted, rules.flatMap(names));
    const broken = problems.slice(0, 3).map(problemText);
    throw new AuditError('NO_SUCH_RULE', `there is no rule "${wanted}" that is run`, {
      hint:
        [
          ...(near.length > 0 ? [`did you mean ${near.join(' or ')}?`] : []),
          ...(broken.length > 0 ? [`what can't be used: ${broken.join('; ')}`] : []),
        ].join(' ') ||
        'your own belong in the folder slmaudit/rules of the XDG config folder, or name one with --rules',
    });
  });
  return { rules: [...new Set(chosen)], problems: [] };
}

/** `own.yml:7:3: there is no field usr_id`. */
export function problemText({ file, line, column, message }: RuleProblem): string {
  return `${[file, line, column].filter(part => part !== undefined).join(':')}: ${message}`;
}
