import { AuditError } from '../errors.ts';
import { documentsIn } from '../record/yaml.ts';
import { readDescribed } from '../store/described.ts';
import { compileRule } from './compile.ts';
import { ruleFilesIn } from './files.ts';
import { Named, placeOf } from './named.ts';
import { misspelledKeys, type Parsed, parseRule, type Resolve, UNRUN } from './parse.ts';
import { RULE, RuleError, RuleReader } from './reader.ts';
import type { CompiledRule, RuleProblem } from './rule.ts';

export interface Rules {
  /** Those that are to be run, in the order of their files. */
  readonly rules: readonly CompiledRule[];
  /** Those that others are made from and that don't alert by themselves, and those whose status says that they are not run. */
  readonly parts: readonly CompiledRule[];
  readonly problems: readonly RuleProblem[];
  /** What is likely a mistake though the rule is run. */
  readonly warnings: readonly RuleProblem[];
  /** By the id of a rule that stands for another one: the file of that one. */
  readonly replaced: ReadonlyMap<string, string>;
}

const MOST_DOCUMENTS = 200;

/** A file of rules as it is read: what it is called in messages, and which set of files it is from. */
export type RuleText = readonly [file: string, text: string, set?: number];

/**
 * Rules of files, and of all files .yml and .yaml in folders and what is in them. Each path is a set: a rule of the same id in a later set
 * stands for the earlier one. `asOne`: all of them are one set, in which an id stands once.
 */
export function readRules(
  paths: readonly string[],
  resolve?: Resolve,
  { asOne = false }: { readonly asOne?: boolean } = {},
): Rules {
  const problems: RuleProblem[] = [];
  const texts: RuleText[] = [];
  for (const [set, path] of paths.entries())
    for (const file of noting(problems, path, () => ruleFilesIn(path)) ?? []) {
      const text = noting(problems, file, () => readDescribed(file, RULE));
      if (text !== undefined) texts.push([file, text, asOne ? 0 : set]);
    }
  return rulesIn(texts, problems, resolve);
}

/** Of texts. What is of no set is of the first. */
export function rulesIn(
  texts: readonly RuleText[],
  before: readonly RuleProblem[] = [],
  resolve?: Resolve,
): Rules {
  const problems = [...before];
  const warnings: RuleProblem[] = [];
  const named = new Named();
  for (const [file, text, set = 0] of texts)
    for (const parsed of parsedIn(file, text, { problems, warnings }, resolve)) {
      const other = named.add(parsed, set);
      if (other !== undefined) problems.push(problemAt(parsed, 'DUPLICATE_ID', `${other} has the same id`));
    }
  for (const [parsed, name, other] of named.shared())
    problems.push(problemAt(parsed, 'DUPLICATE_NAME', `${placeOf(other, parsed)} is called ${name} too`));
  const compiled = [...named.all()].flatMap(parsed => {
    const one = noting(problems, parsed.rule.file, () => compileRule(parsed, named));
    return one ? [{ parsed, one }] : [];
  });
  const silent = silentIn(
    compiled.map(c => c.parsed),
    named,
  );
  for (const [{ rule }, by] of silent)
    if (named.setOf(rule.id) < named.setOf(by.rule.id))
      warnings.push(
        problemAt(
          by,
          'SILENCED',
          `${rule.name ?? rule.id} (${rule.file}:${rule.line}) does not alert by itself any more, for this is made from it; \`generate: true\` lets it`,
        ),
      );
  const [rules, parts]: [CompiledRule[], CompiledRule[]] = [[], []];
  for (const { parsed, one } of compiled)
    (silent.has(parsed) || UNRUN.includes(parsed.rule.status ?? '') ? parts : rules).push(one);
  return { rules, parts, problems, warnings, replaced: named.replaced };
}

/**
 * Rules that correlations are made from, none of which says `generate: true`, and one of these. A correlation that can't be used silences nothing: what it
 * names would alert nobody then.
 */
function silentIn(all: readonly Parsed[], named: Named): Map<Parsed, Parsed> {
  const [silent, loud] = [new Map<Parsed, Parsed>(), new Map<Parsed, Parsed>()];
  for (const parsed of all)
    if (parsed.is === 'correlation')
      for (const { name } of parsed.refs) {
        const referred = named.get(name, parsed.rule.file);
        if (referred) (parsed.generate ? loud : silent).set(referred, parsed);
      }
  return new Map([...silent].filter(([parsed]) => !loud.has(parsed)));
}

function* parsedIn(
  file: string,
  text: string,
  { problems, warnings }: { readonly problems: RuleProblem[]; readonly warnings: RuleProblem[] },
  resolve: Resolve | undefined,
): Generator<Parsed> {
  const documents = documentsIn(text).filter(
    ({ document }) => document.errors.length > 0 || !isEmpty(document.contents),
  );
  if (documents.length === 0)
    problems.push({ file, line: 1, code: 'YAML', message: 'there is no rule in it' });
  if (documents.length > MOST_DOCUMENTS)
    problems.push({
      file,
      line: 1,
      code: 'TOO_LARGE',
      message: `a file has ${MOST_DOCUMENTS} rules at most`,
    });
  for (const document of documents.slice(0, MOST_DOCUMENTS)) {
    const parsed = noting(problems, file, () => {
      const reader = new RuleReader(document, file, text);
      warnings.push(...misspelledKeys(reader));
      return parseRule(reader, resolve);
    });
    if (parsed) yield parsed;
  }
}

const isEmpty = (contents: unknown): boolean =>
  contents === null || (contents as { value?: unknown }).value === null;

/** What `work` makes, or a problem more. */
function noting<T>(problems: RuleProblem[], file: string, work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof RuleError) problems.push(error.problem, ...error.more);
    else if (error instanceof AuditError) problems.push({ file, code: error.code, message: error.message });
    else throw error;
    return undefined;
  }
}

function problemAt({ rule: { file, line } }: Parsed, code: string, message: string): RuleProblem {
  return { file, line, code, message };
}
