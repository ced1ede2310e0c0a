import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { AuditError } from '../errors.ts';
import { documentsIn } from '../record/yaml.ts';
import { readDescribed } from '../store/described.ts';
import { compileRule } from './compile.ts';
import { type Parsed, parseRule, type Resolve, UNRUN } from './parse.ts';
import { RULE, RuleError, RuleReader } from './reader.ts';
import type { CompiledRule, RuleProblem } from './rule.ts';

export interface Rules {
  /** Those that are to be run, in the order of their files. */
  readonly rules: readonly CompiledRule[];
  /** Those that others are made from and that don't alert by themselves, and those whose status says that they are not run. */
  readonly parts: readonly CompiledRule[];
  readonly problems: readonly RuleProblem[];
}

const MOST_DOCUMENTS = 200;
const MOST_FILES = 20_000;

/** Rules of files, and of all files .yml and .yaml in folders and what is in them. A later rule of the same id stands for the earlier. */
export function readRules(paths: readonly string[], resolve?: Resolve): Rules {
  const problems: RuleProblem[] = [];
  const texts: [string, string][] = [];
  for (const path of paths)
    for (const file of noting(problems, path, () => filesIn(path)) ?? []) {
      const text = noting(problems, file, () => readDescribed(file, RULE));
      if (text !== undefined) texts.push([file, text]);
    }
  return rulesIn(texts, problems, resolve);
}

/** Of texts, each with what it is called in messages. */
export function rulesIn(
  texts: readonly (readonly [file: string, text: string])[],
  before: readonly RuleProblem[] = [],
  resolve?: Resolve,
): Rules {
  const problems = [...before];
  const byId = new Map<string, Parsed>();
  for (const [file, text] of texts)
    for (const parsed of parsedIn(file, text, problems, resolve)) {
      const other = byId.get(parsed.rule.id);
      if (other?.rule.file === file)
        problems.push(problemAt(parsed, 'DUPLICATE_ID', `line ${other.rule.line} has the same id`));
      byId.set(parsed.rule.id, parsed);
    }
  const known = new Map<string, Parsed>();
  for (const parsed of byId.values()) {
    if (parsed.rule.name !== undefined) known.set(parsed.rule.name, parsed);
    known.set(parsed.rule.id, parsed);
  }
  const silent = silentIn(byId.values());
  const isRun = ({ rule: { id, name, status } }: Parsed): boolean =>
    !silent.has(id) && !silent.has(name ?? id) && !UNRUN.includes(status ?? '');
  const [rules, parts]: [CompiledRule[], CompiledRule[]] = [[], []];
  for (const parsed of byId.values()) {
    const compiled = noting(problems, parsed.rule.file, () => compileRule(parsed, known));
    if (compiled) (isRun(parsed) ? rules : parts).push(compiled);
  }
  return { rules, parts, problems };
}

/** Ids and names of rules that correlations are made from, none of which says `generate: true`. */
function silentIn(all: Iterable<Parsed>): Set<string> {
  const [silent, loud] = [new Set<string>(), new Set<string>()];
  for (const parsed of all)
    if (parsed.is === 'correlation')
      for (const { name } of parsed.refs) (parsed.generate ? loud : silent).add(name);
  return new Set([...silent].filter(name => !loud.has(name)));
}

function* parsedIn(
  file: string,
  text: string,
  problems: RuleProblem[],
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
    const parsed = noting(problems, file, () => parseRule(new RuleReader(document, file, text), resolve));
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
    if (error instanceof RuleError) problems.push(error.problem);
    else if (error instanceof AuditError) problems.push({ file, code: error.code, message: error.message });
    else throw error;
    return undefined;
  }
}

function problemAt({ rule: { file, line } }: Parsed, code: string, message: string): RuleProblem {
  return { file, line, code, message };
}

function filesIn(path: string): string[] {
  try {
    if (!statSync(path).isDirectory()) return [path];
    const names = readdirSync(path, { recursive: true, encoding: 'utf8' }).filter(n => /\.ya?ml$/.test(n));
    if (names.length > MOST_FILES) throw new AuditError('TOO_LARGE', `${path} has over ${MOST_FILES} files`);
    return names.toSorted().map(name => join(path, name));
  } catch (cause) {
    if (cause instanceof AuditError) throw cause;
    throw new AuditError(
      'RULE_UNREADABLE',
      `can't read ${path}: ${cause instanceof Error ? cause.message : ''}`,
      { cause },
    );
  }
}
