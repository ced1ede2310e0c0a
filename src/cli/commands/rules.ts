import type { Outcome } from '../../rules/try.ts';
import type { Rules } from '../../rules/read.ts';
import type { CompiledRule, RuleProblem } from '../../rules/rule.ts';
import { type CommandDetails, type Context, flag, type Given } from '../command.ts';
import { printJson } from '../json.ts';
import { GAP } from '../render/fit.ts';
import { listFormat, printList } from '../render/list.ts';
import { ROW_FORMAT_OPTION } from '../render/rows.ts';
import { isShipped, ruleNamed, ruleNames, RULES_OPTIONS, rulesOf, warnOf } from '../rules.ts';
import { counted } from '../values.ts';
import { printable } from '../voice.ts';

const RULE_ARGUMENT = { name: 'RULE', about: 'its name or its id', suggests: ruleNames };

export const rulesListCommand: CommandDetails = {
  description: [
    'List the rules that `slmaudit detect` runs: shipped ones, your own (files .yml in the XDG config folder, slmaudit/rules) and those of --rules. A rule of the same id takes the place of a shipped one, which is said; a name means the rule of its own file first, so that no other file changes what a correlation is made from. `status: deprecated` or `unsupported` is not run. --parts lists those too that only others are made from.',
    'Rules are Sigma 2.1, detections and correlations, over the columns of `records`. Windows slide over the time of the events and are exact: at every event counts what its group did in the timespan up to it, both ends included. Events of one instant see one another; for an order of rules they are in order. Whose group-by field is missing belongs to no group.',
    'Texts compare whatever the case, as in Sigma; `re` is RE2 and minds it. What is not supported is refused by name: lookarounds, backreferences, placeholders, filters in other files, value_median, value_percentile, extended temporal conditions.',
  ],
  arguments: [],
  options: [
    ...RULES_OPTIONS,
    { flags: '--parts', about: 'also those that do not alert by themselves' },
    ROW_FORMAT_OPTION,
  ],
  examples: [
    { command: 'slmaudit rules list', about: 'what is looked for' },
    { command: 'slmaudit rules list --rules ./rules --no-shipped', about: 'of a folder alone' },
  ],
  exits: [[0, 'listed']],
  async run(given, context) {
    const read = await rulesOf(given, context);
    const shown = flag(given, 'parts') ? [...read.rules, ...read.parts] : read.rules;
    const rows = shown.map(compiled => {
      const { id, name, level, title, correlation, options } = compiled.rule;
      return {
        name: name ?? id,
        level,
        title,
        kind: correlation ?? (options.firstSeen ? 'first_seen' : 'match'),
        entity: compiled.entity.join(', '),
        whose: whoseOf(compiled, read),
        id,
      };
    });
    await printList(given, context, { names: namesFor(given, context, rows), numeric: [] }, rows);
    for (const { whose, name } of rows.filter(row => read.replaced.has(row.id)))
      context.voice.say(`${name}: ${whose}`);
    warnOf(read, context);
    return 0;
  },
};

const NAMES = ['name', 'level', 'title', 'kind', 'entity', 'whose', 'id'] as const;

/** For machines all of it; on a terminal what fits, and names are never cut for it: they are what other commands take. */
function namesFor(
  given: Given,
  { terminal, width = Infinity }: Context,
  rows: readonly Readonly<Record<(typeof NAMES)[number], string>>[],
): readonly (typeof NAMES)[number][] {
  if (listFormat(given, terminal) !== 'table') return NAMES;
  const room = (names: readonly (typeof NAMES)[number][]): number =>
    names.reduce((sum, name) => sum + Math.max(...rows.map(row => row[name].length), name.length) + GAP, 0);
  const sets = [
    ['name', 'level', 'title', 'kind', 'entity', 'whose'],
    ['name', 'level', 'title', 'kind'],
    ['name', 'level', 'title'],
  ] as const;
  return (
    sets.find(names => room(names) <= width + GAP) ??
    (room(['name', 'level', 'name']) <= width ? sets[2] : ['name', 'title'])
  );
}

/** `shipped`, or the file; and instead of which other one. */
function whoseOf(compiled: CompiledRule, { replaced }: Rules): string {
  const { id, file } = compiled.rule;
  const before = replaced.get(id);
  if (before === undefined) return isShipped(file) ? 'shipped' : file;
  return `${file}, instead of ${isShipped(before) ? 'the shipped one' : before}`;
}

export const rulesShowCommand: CommandDetails = {
  description: [
    'Print a rule as it stands in its file, with the rules that it is made from. To change a shipped one, print it into a file of your own rules and change it there: the same id takes its place.',
  ],
  arguments: [RULE_ARGUMENT],
  options: RULES_OPTIONS,
  json: 'what was read, as one object',
  examples: [
    {
      command: 'slmaudit rules show token-burn > ~/.config/slmaudit/rules/token-burn.yml',
      about: 'to make it your own',
    },
  ],
  exits: [
    [0, 'shown'],
    [2, 'there is no such rule'],
  ],
  async run(given, context) {
    const read = await rulesOf(given, context);
    const compiled = ruleNamed(read, given.args[0]!);
    const { stdout, terminal, voice } = context;
    const { text, ...rule } = compiled.rule;
    if (flag(given, 'json')) {
      const { entity, lookback } = compiled;
      printJson(context, { ...rule, entity, lookback });
      return 0;
    }
    const parts = partsOf(compiled, [...read.rules, ...read.parts]).map(part => part.rule.text);
    const whole = [text, ...parts].join('---\n');
    stdout.write(terminal ? whole.split('\n').map(printable).join('\n') : whole);
    voice.say(`${rule.file}:${rule.line}`);
    return 0;
  },
};

/** Rules that a correlation names, and those that they name. */
function partsOf(
  { parts }: CompiledRule,
  all: readonly CompiledRule[],
  seen: CompiledRule[] = [],
): CompiledRule[] {
  for (const part of parts) {
    const found = all.find(({ rule }) => rule.id === part);
    if (!found || seen.includes(found)) continue;
    seen.push(found);
    partsOf(found, all, seen);
  }
  return seen;
}

export const rulesSqlCommand: CommandDetails = {
  description: [
    'Print the SELECT that a rule is compiled to, a row a hit: `slmaudit query -f` answers it. With --evidence: the one that finds the records of an episode, given $from, $to and its entity as $e1, $e2, ...',
  ],
  arguments: [RULE_ARGUMENT],
  options: [...RULES_OPTIONS, { flags: '--evidence', about: 'the SELECT of the records of an episode' }],
  json: 'both SELECTs, as one object',
  examples: [
    {
      command: 'slmaudit rules sql key-guessing | slmaudit query - --since 7d',
      about: 'every hit of a rule, not merged into episodes',
    },
  ],
  exits: [
    [0, 'shown'],
    [2, 'there is no such rule'],
  ],
  async run(given, context) {
    const { hits, evidence } = ruleNamed(await rulesOf(given, context), given.args[0]!);
    if (flag(given, 'json')) printJson(context, { hits, evidence });
    else context.stdout.write(`${flag(given, 'evidence') ? evidence : hits}\n`);
    return 0;
  },
};

export const rulesLintCommand: CommandDetails = {
  description: [
    'Read rules and say of each that cannot be used why: `file:line:column: CODE: reason`, with the nearest name for what is misspelled. What was read is compiled and prepared by the engine too. Two rules of one name, and two of one id in one folder, are a problem; a key of the first level that is nearly one of Sigma is a warning. Without FILE: all that detection would run.',
  ],
  arguments: [{ name: 'FILE', about: 'a file of rules, or a folder', many: true, optional: true }],
  options: RULES_OPTIONS,
  json: 'problems and warnings as one array',
  examples: [{ command: 'slmaudit rules lint ./rules', about: 'in CI' }],
  exits: [
    [0, 'all can be used; there may be warnings'],
    [2, 'some can not'],
  ],
  async run(given, context) {
    const { stdout, voice } = context;
    const { checkRules } = await import('../../rules/try.ts');
    const read = await rulesOf(given, context, given.args);
    const problems = [...read.problems, ...(await checkRules(read))];
    if (flag(given, 'json'))
      printJson(context, [...problems, ...read.warnings.map(w => ({ ...w, level: 'warning' }))]);
    else {
      for (const problem of problems) stdout.write(`${printable(problemLine(problem))}\n`);
      for (const warning of read.warnings)
        stdout.write(`${printable(problemLine({ ...warning, code: `warning: ${warning.code}` }))}\n`);
    }
    const hints = new Set(problems.map(p => p.hint).filter(hint => hint !== undefined));
    for (const hint of hints) voice.hint(hint);
    voice.say(
      `${counted(read.rules.length, 'rule')} to run, ${counted(read.parts.length, 'part')} of others, ${counted(problems.length, 'problem')}${read.warnings.length > 0 ? `, ${counted(read.warnings.length, 'warning')}` : ''}`,
    );
    return problems.length > 0 ? 2 : 0;
  },
};

const problemLine = ({ file, line, column, code, message }: RuleProblem): string =>
  `${file}:${line ?? 1}:${column ?? 1}: ${code}: ${message}`;

export const rulesTestCommand: CommandDetails = {
  description: [
    'Try each rule on the events of the tests in its file, under slmaudit: tests, and compare the episodes that come of them with those that the test expects: all of them, and no others. No store is read. Without RULE: all tests of all rules.',
    'An event has columns of records; `repeat: 30` with `every: 10s` makes a series of it, in which {n} counts. A hit names the entity, and `at` when the episode begins; `hits: []` means none.',
  ],
  arguments: [{ ...RULE_ARGUMENT, many: true, optional: true }],
  options: RULES_OPTIONS,
  json: 'each test, in one array',
  file: {
    about: 'A rule with a test',
    lines: [
      'title: Many failed logins of an address',
      'name: failed-logins',
      'level: high',
      'correlation:',
      '  type: event_count                     # value_count, value_sum, value_avg, temporal, temporal_ordered',
      '  rules: [failed-login]',
      '  group-by: [client_ip]',
      '  timespan: 10m',
      '  condition: { gte: 20 }',
      'slmaudit:',
      '  usual: { times: 3, over: 28d, after: 7d }     # and three times the largest of four weeks',
      '  suppress: 1d                          # no new episode within a day',
      '  tests:',
      '    - name: forty within seven minutes',
      '      events:',
      '        - { ts: 2026-04-20T00:00:00Z, event_type: auth, auth_result: failure, client_ip: 203.0.113.9 }',
      '        - { ts: 2026-05-01T00:00:00Z, event_type: auth, auth_result: failure, client_ip: 203.0.113.9, repeat: 40, every: 10s }',
      '      hits: [{ client_ip: 203.0.113.9, at: 2026-05-01T00:03:10Z }]',
      '---',
      'title: A failed login',
      'name: failed-login',
      'logsource: { product: slmaudit, category: auth }    # inference, access, auth, admin, webserver, proxy',
      'detection:',
      '  failed: { auth_result: failure }',
      '  inside: { client_ip|cidr: 10.0.0.0/8 }',
      '  condition: failed and not inside',
    ],
  },
  examples: [
    { command: 'slmaudit rules test', about: 'all of them' },
    { command: 'slmaudit rules test failed-logins --rules ./rules', about: 'one of your own' },
  ],
  exits: [
    [0, 'all is as expected'],
    [1, 'an expectation failed'],
    [2, 'a rule can not be used'],
  ],
  async run(given, context) {
    const { stdout, voice } = context;
    const { isGood, tryRules } = await import('../../rules/try.ts');
    const read = await rulesOf(given, context);
    const all = [...read.rules, ...read.parts];
    const asked = given.args.length > 0 ? given.args.map(name => ruleNamed(read, name)) : all;
    const outcomes = await tryRules(asked);
    if (flag(given, 'json'))
      printJson(
        context,
        outcomes.map(outcome => jsonOf(outcome, isGood(outcome))),
      );
    else
      for (const outcome of outcomes)
        stdout.write(`${outcomeLines(outcome, isGood(outcome)).map(printable).join('\n')}\n`);
    const bad = outcomes.filter(o => !isGood(o)).length;
    const untested = asked.filter(
      ({ rule }) => read.rules.some(r => r.rule === rule) && rule.options.tests.length === 0,
    );
    voice.say(
      `${counted(outcomes.length, 'test')}, ${bad} failed; ${counted(untested.length, 'rule')} without a test`,
    );
    warnOf(read, context);
    if (bad > 0) return 1;
    return read.problems.length > 0 && given.args.length === 0 ? 2 : 0;
  },
};

function jsonOf({ rule, ...outcome }: Outcome, good: boolean): object {
  return { rule: rule.id, name: rule.name, file: rule.file, good, ...outcome };
}

function outcomeLines({ rule, test, line, missing, unexpected, error }: Outcome, good: boolean): string[] {
  const name = `${rule.name ?? rule.id}: ${test}`;
  if (good) return [`ok      ${name}`];
  return [
    `FAILED  ${name}  (${rule.file}:${line})`,
    ...(error === undefined ? [] : [`        could not be tried: ${error}`]),
    ...missing.map(
      hit =>
        `        expected and not found: ${entityText(hit.entity)}${hit.at === undefined ? '' : ` at ${hit.at}`}`,
    ),
    ...unexpected.map(
      e =>
        `        found and not expected: ${entityText(e.entity)} at ${e.firstHit}, ${counted(e.hits, 'hit')}`,
    ),
  ];
}

function entityText(entity: Readonly<Record<string, string | null>>): string {
  const parts = Object.entries(entity).map(([name, value]) => `${name} ${value ?? 'none'}`);
  return parts.length === 0 ? 'anything' : parts.join(', ');
}
