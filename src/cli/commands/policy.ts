import type { Policy } from '../../log/policy.ts';
import { instantOf } from '../../store/clock.ts';
import { type CommandDetails, type Context, flag, type Suggestion, text } from '../command.ts';
import { printJson } from '../json.ts';
import { listFormat, printList } from '../render/list.ts';
import { type Binding, bindingLines, named, outcomeLines, ruleText } from '../render/policy.ts';
import { ROW_FORMAT_OPTION } from '../render/rows.ts';
import { counted, humanBytes, readInstant } from '../values.ts';
import { printable } from '../voice.ts';
import { LOCK_WAIT_OPTION, lockWaitOf, WRITING_EXITS } from '../writing.ts';

/** For completions. */
export const presetNames = async (): Promise<readonly Suggestion[]> =>
  (await import('../../policy/presets.ts')).PRESETS.map(({ name, about }) => ({ value: name, about }));

export const policySetCommand: CommandDetails = {
  description: [
    'Put a retention policy into the log, signed as everything there: from a YAML file, or from presets by their names. Nothing is deleted by this; prune deletes what every policy that binds lets go. The file is not kept, only what it says: comments may name persons.',
    'Of several presets the greatest minimum and the least maximum count, for every class that does not say otherwise; where they contradict each other, nothing is written. A minimum in months or years is the longest that so many can be (1y: 366 days), a maximum the shortest (365).',
    'A policy binds at once. The one before it goes on binding beside it until its grace is over, so that nothing can be loosened and deleted in one night. What was sealed under an earlier policy is judged by that one too, for ever, unless the new one is retroactive: what was sealed before the first policy is kept for ever otherwise.',
    'Records get their class when they are read, from the rules of the policy in force then.',
  ],
  arguments: [
    {
      name: 'FILE|PRESET[,PRESET]',
      about: 'a file is named with its folder or extension: ./policy.yaml',
      suggests: presetNames,
      isList: true,
    },
  ],
  options: [
    { flags: '-n, --dry-run', about: 'say what it would come to, and write nothing' },
    { flags: '--retroactive', about: 'also for what was sealed under earlier policies, in their place' },
    { flags: '--grace <PERIOD>', about: 'how long it binds once another has come', default: '7d' },
    LOCK_WAIT_OPTION,
  ],
  json: 'what it comes to, as one object',
  file: {
    about: 'A policy',
    lines: [
      'presets: [eu-ai-act]                # the greatest minimum, the least maximum of several',
      'grace: 7d                           # 7 days or more',
      'retroactive: yes                    # also for what was sealed under earlier policies',
      'redact: any                         # rows may be redacted before their minimum',
      'classes:                            # each has what the presets say, unless it says otherwise',
      '  default: { max: 400d, age: sealed, review: 2027-06-01 }',
      '  auth: { min: 1y, max: 2y, basis: [our-policy:4.2] }     # d, w, mo, y',
      '  short: { min: 30d, max: none, age: record }   # age of the newest record, not of the sealing',
      'rules:                              # the first whose conditions all hold; else default',
      '  - { class: auth, event_type: [auth, admin] }',
      '  - { class: short, model: "test-*", source_id: [lab, bench] }',
    ],
  },
  examples: [
    { command: 'slmaudit policy set eu-ai-act,pci-dss --dry-run', about: 'what two rules come to' },
    { command: 'slmaudit policy set ./policy.yaml', about: 'a policy of your own' },
  ],
  exits: [
    [0, 'it is in force, or was already'],
    WRITING_EXITS[0]!,
    [2, 'the policy can not be read, or contradicts itself; nothing was written'],
    WRITING_EXITS[1]!,
  ],
  async run(given, context) {
    const { voice, stdout } = context;
    const { readPolicy } = await import('../../policy/read.ts');
    const { setPolicy } = await import('../../policy/set.ts');
    const grace = text(given, 'grace');
    const [file] = given.args;
    const { policy, notes } = readPolicy(file!, {
      retroactive: flag(given, 'retroactive'),
      ...(grace !== undefined && { grace }),
    });
    const dryRun = flag(given, 'dryRun');
    const options = { lockWaitMs: lockWaitOf(given), now: Date.now(), dryRun };
    const outcome = await setPolicy(context.openStore(), policy, options);
    for (const note of notes) voice.warn(note);
    if (flag(given, 'json')) {
      const { before, ...rest } = outcome;
      printJson(context, { ...rest, entry: outcome.entry ?? null, before: before.entry, dryRun });
      return 0;
    }
    for (const line of outcomeLines(outcome))
      if (dryRun) stdout.write(`${printable(line)}\n`);
      else voice.say(line);
    return 0;
  },
};

const SHOWN = [
  'policy',
  'state',
  'binds_until',
  'set_at',
  'class',
  'min_days',
  'max_days',
  'age',
  'basis',
  'review',
  'rules',
  'grace_days',
  'redact',
  'retroactive',
  'segments',
] as const;

export const policyShowCommand: CommandDetails = {
  description: [
    'Show the policy in force, those before it whose grace is not over, and those that go on binding for what was sealed under them; a row for each class in formats for machines. min_days is empty where nothing may ever be deleted, max_days where nothing must be.',
    'Warns of a class whose review date is past.',
  ],
  arguments: [],
  options: [ROW_FORMAT_OPTION],
  examples: [{ command: 'slmaudit policy show', about: 'what is kept how long, and why' }],
  exits: [
    [0, 'shown'],
    [1, 'the log was altered'],
    [2, 'could not be read'],
  ],
  async run(given, context) {
    const { readHistory } = await import('../../store/history.ts');
    const { localPin } = await import('../../store/store.ts');
    const store = context.openStore();
    const { retention, inventory } = readHistory(store.at, localPin(store));
    const now = instantOf(Date.now());
    const under = new Map<number, number>();
    for (const s of inventory.segments)
      if (!inventory.pruned.has(s.segment)) under.set(s.policy, (under.get(s.policy) ?? 0) + 1);
    const binding = retention.binding(now);
    const own = retention.policies.filter(
      p => !binding.includes(p) && !retention.newest.policy.retroactive && under.has(p.entry),
    );
    const shown = [...binding, ...own]
      .toSorted((a, b) => b.entry - a.entry)
      .map((p): Binding => ({
        ...p,
        state: p === retention.newest ? 'in force' : binding.includes(p) ? 'in its grace' : 'for its own',
        until: binding.includes(p) ? retention.endOf(p) : undefined,
        segments: under.get(p.entry) ?? 0,
      }));
    if (listFormat(given, context.terminal) === 'table')
      context.stdout.write(`${bindingLines(shown, context.width).join('\n')}\n`);
    else {
      const rows = shown.flatMap(p =>
        p.policy.classes.map(c => ({
          policy: p.entry,
          state: p.state,
          binds_until: p.until,
          set_at: p.at,
          class: c.name,
          min_days: c.min === Infinity ? null : c.min,
          max_days: c.max,
          age: c.age,
          basis: c.basis.join(' '),
          review: c.review,
          rules: rulesOf(p.policy, c.name),
          grace_days: p.policy.grace,
          redact: p.policy.redactAny ? 'any' : undefined,
          retroactive: p.policy.retroactive ? 'yes' : undefined,
          segments: p.segments,
        })),
      );
      const numeric = ['policy', 'min_days', 'max_days', 'grace_days', 'segments'] as const;
      await printList(given, context, { names: SHOWN, numeric }, rows);
    }
    const today = now.slice(0, 10);
    for (const { name, review } of retention.newest.policy.classes)
      if (review !== undefined && review < today)
        context.voice.warn(
          `class ${name} was to be looked at again by ${review}: does what it rests on still stand?`,
        );
    return 0;
  },
};

/** `1: event_type auth; 3: model test-*`, numbered by their order. */
const rulesOf = ({ rules }: Policy, name: string): string =>
  rules
    .map((rule, i) => (rule.class === name ? `${i + 1}: ${ruleText(rule)}` : ''))
    .filter(t => t !== '')
    .join('; ');

const EXPLAINED = [
  'sealed_on',
  'class',
  'segments',
  'which',
  'records',
  'bytes',
  'from_ts',
  'to_ts',
  'fate',
  'why',
  'policy',
  'basis',
  'free_from',
  'due',
  'holds',
] as const;
const EXPLAINED_BRIEFLY = [
  ['sealed_on', 'class', 'segments', 'which', 'records', 'bytes', 'fate', 'why', 'free_from', 'due', 'holds'],
  ['sealed_on', 'class', 'which', 'records', 'fate', 'why', 'free_from', 'due'],
  ['sealed_on', 'class', 'records', 'fate', 'why', 'due'],
] as const;

export const policyExplainCommand: CommandDetails = {
  description: [
    'Say what a prune at that time would delete, as the log stands now, and what keeps everything else: by class and day of sealing, or segment by segment. Nothing is deleted.',
    '`goes`: its maximum is over, and nothing keeps it. `stays`, why: `minimum`, of the policy that is named, is not over; `hold`; `not due`, since only the minimum is over; `no maximum`. free_from: when all of the row may be deleted at the earliest, every policy and hold considered; due: when it is to be gone. Empty is never.',
    'bytes are those of payloads and of quarantine; of a file that several segments share, each has its part by records.',
  ],
  arguments: [],
  options: [
    { flags: '--at <TIME>', about: 'a day or a time, such as 2027-03-01', default: 'now' },
    { flags: '--by <GROUP>', about: 'a row for each', choices: ['day', 'segment'], default: 'day' },
    ROW_FORMAT_OPTION,
  ],
  examples: [
    { command: 'slmaudit policy explain --at 2027-03-01', about: 'what will be there in spring' },
    { command: 'slmaudit policy explain --by segment --format csv', about: 'all of it, for a spreadsheet' },
  ],
  exits: [
    [0, 'said'],
    [1, 'the log was altered'],
    [2, 'could not be read'],
  ],
  async run(given, context) {
    const { explain, segmentsText } = await import('../../policy/explain.ts');
    const { readHistory } = await import('../../store/history.ts');
    const { localPin } = await import('../../store/store.ts');
    const store = context.openStore();
    const history = readHistory(store.at, localPin(store));
    const at = readInstant(text(given, 'at'), '--at') ?? instantOf(Date.now());
    const all = explain(history, at, text(given, 'by') === 'segment' ? 'segment' : 'day');
    const isTable = listFormat(given, context.terminal) === 'table';
    const day = (when: string | undefined): string | undefined => (isTable ? when?.slice(0, 10) : when);
    const rows = all.map(e => ({
      sealed_on: e.sealedOn,
      class: e.class,
      segments: e.segments.length,
      which: segmentsText(e),
      records: e.records,
      bytes: e.bytes,
      from_ts: e.span?.from,
      to_ts: e.span?.to,
      fate: e.fate,
      why: e.why,
      policy: e.policy,
      basis: e.basis.join(' '),
      free_from: day(e.freeFrom),
      due: day(e.due),
      holds: e.holds.join(' '),
    }));
    const numeric = ['segments', 'records', 'bytes', 'policy'] as const;
    await printList(given, context, { names: EXPLAINED, numeric, brief: EXPLAINED_BRIEFLY }, rows);
    for (const [fate, words] of [
      ['goes', 'would be deleted'],
      ['stays', 'would be kept'],
    ] as const) {
      const some = all.filter(e => e.fate === fate);
      const sum = (of: 'records' | 'bytes'): number => some.reduce((n, e) => n + e[of], 0);
      const segments = some.reduce((n, e) => n + e.segments.length, 0);
      context.voice.say(
        `${words} at ${at.replace(/\.\d+Z$/, 'Z')}: ${counted(segments, 'segment')}, ${counted(sum('records'), 'record')}, ${humanBytes(sum('bytes'))}`,
      );
    }
    if (history.retention.newest.entry === 0)
      context.voice.hint(`${named(0)} keeps all for ever; set another with \`slmaudit policy set\``);
    return 0;
  },
};

export const policyPresetsCommand: CommandDetails = {
  description: [
    'List the presets with their periods in days, where each stands, when it was looked up, and how sure that is. None is legal advice: have somebody read the rule before you rely on it.',
  ],
  arguments: [],
  options: [ROW_FORMAT_OPTION],
  examples: [{ command: 'slmaudit policy presets --format table', about: 'what there is' }],
  exits: [[0, 'listed']],
  async run(given, context: Context) {
    const { PRESETS } = await import('../../policy/presets.ts');
    const names = [
      'name',
      'min_days',
      'max_days',
      'basis',
      'citation',
      'about',
      'sure',
      'looked_up',
      'review',
    ] as const;
    const rows = PRESETS.map(p => ({
      name: p.name,
      min_days: p.min,
      max_days: p.max,
      basis: p.basis,
      citation: p.citation,
      about: p.about,
      sure: p.sure,
      looked_up: p.date,
      review: p.review,
    }));
    const numeric = ['min_days', 'max_days'] as const;
    const brief = [
      ['name', 'min_days', 'max_days', 'basis', 'about', 'sure'],
      ['name', 'min_days', 'max_days', 'about'],
    ] as const;
    await printList(given, context, { names, numeric, brief }, rows);
    context.voice.say('none is legal advice; each names where to read what it rests on');
    return 0;
  },
};
