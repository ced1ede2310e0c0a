import { type Trial, withTrial } from '../duck/trial.ts';
import { AuditError } from '../errors.ts';
import type { Rules } from './read.ts';
import { engineSaid } from './regex.ts';
import { episodesSql } from './episodes.ts';
import type { CompiledRule, ExpectedHit, RuleProblem, RuleTest } from './rule.ts';

export interface FoundEpisode {
  readonly entity: Readonly<Record<string, string | null>>;
  readonly firstHit: string;
  readonly hits: number;
}

/** How a test in a rule's file went. */
export interface Outcome {
  readonly rule: CompiledRule['rule'];
  readonly test: string;
  readonly line: number;
  /** Expected and not found; found and not expected. Neither: it is as it should be. */
  readonly missing: readonly ExpectedHit[];
  readonly unexpected: readonly FoundEpisode[];
  /** Why it could not be tried. */
  readonly error?: string;
}

export const isGood = ({ missing, unexpected, error }: Outcome): boolean =>
  missing.length === 0 && unexpected.length === 0 && error === undefined;

/** Tries the tests of rules, each with its events and no others. */
export function tryRules(rules: readonly CompiledRule[]): Promise<Outcome[]> {
  return withTrial(async trial => {
    const outcomes: Outcome[] = [];
    for (const compiled of rules)
      for (const test of compiled.rule.options.tests) outcomes.push(await tryOne(trial, compiled, test));
    return outcomes;
  });
}

/** Columns of entries that records have not. */
const OF_ENTRIES = ['entry', 'kind', 'clock', 'records', 'text'];

async function tryOne(trial: Trial, compiled: CompiledRule, test: RuleTest): Promise<Outcome> {
  const { rule, tables } = compiled;
  const outcome = { rule, test: test.name, line: test.line };
  try {
    const isEntry = (event: RuleTest['events'][number]): boolean =>
      tables.includes('entries') && OF_ENTRIES.some(column => event[column] !== undefined);
    await trial.tell(
      test.events.filter(event => !isEntry(event)),
      test.events.filter(isEntry),
    );
    const rows = await trial.all(episodesSql(compiled));
    const found = rows.map((row): FoundEpisode => {
      const entity = row['entity'] as (string | null)[];
      return {
        entity: Object.fromEntries(compiled.entity.map((name, i) => [name, entity[i] ?? null])),
        firstHit: row['first_ts'] as string,
        hits: Number(row['hits']),
      };
    });
    return { ...outcome, ...compare(test.hits, found) };
  } catch (error) {
    if (!(error instanceof AuditError)) throw error;
    return { ...outcome, missing: [], unexpected: [], error: error.message };
  }
}

/** Each expected one takes one that was found; those that say when they began choose first. */
function compare(
  expected: readonly ExpectedHit[],
  found: readonly FoundEpisode[],
): Pick<Outcome, 'missing' | 'unexpected'> {
  const left = [...found];
  const missing: ExpectedHit[] = [];
  for (const hit of expected.toSorted((a, b) => Number(a.at === undefined) - Number(b.at === undefined))) {
    const at = left.findIndex(
      episode =>
        Object.entries(hit.entity).every(([name, value]) => (episode.entity[name] ?? null) === value) &&
        (hit.at === undefined || Date.parse(hit.at) === Date.parse(episode.firstHit)),
    );
    if (at < 0) missing.push(hit);
    else left.splice(at, 1);
  }
  return { missing, unexpected: left };
}

/** What only the engine finds in what was compiled, such as a regular expression of which it knows better. */
export function checkRules({ rules, parts }: Pick<Rules, 'rules' | 'parts'>): Promise<RuleProblem[]> {
  return withTrial(async trial => {
    const problems: RuleProblem[] = [];
    for (const { rule, hits, evidence } of [...rules, ...parts])
      for (const sql of [hits, evidence])
        try {
          await trial.check(sql);
        } catch (error) {
          if (!(error instanceof AuditError)) throw error;
          problems.push({ file: rule.file, line: rule.line, ...engineSaid(error) });
          break;
        }
    return problems;
  });
}
