import type { Ran } from '../../detect/run.ts';
import { AuditError } from '../../errors.ts';
import { MOST_EPISODES } from '../../rules/episodes.ts';
import { engineSaid } from '../../rules/regex.ts';
import { type Level, LEVELS, type RuleProblem } from '../../rules/rule.ts';
import { instantOf } from '../../store/clock.ts';
import { userName } from '../actor.ts';
import { optionsOf } from '../answer.ts';
import { type CommandDetails, flag, text, texts } from '../command.ts';
import { LIMIT_OPTIONS } from '../limits.ts';
import { showProgress } from '../progress.ts';
import { EPISODE_FORMATS, printEpisodes } from '../render/episodes.ts';
import { isRead, printer } from '../render/rows.ts';
import { ruleNamed, ruleNames, RULES_OPTIONS, rulesOf } from '../rules.ts';
import { SPAN_OPTIONS, spanOf } from '../span.ts';
import { counted, grouped, readSpan } from '../values.ts';

export const detectCommand: CommandDetails = {
  description: [
    'Ask the records what Sigma rules look for, over exact windows in the time of the events. Hits of one rule and of one user, address or key that belong together are one episode. Each says what the same user, key or address did at the door before: logins that failed or succeeded, new factors, keys; and how sure it is that this was the same one.',
    'Rules are the shipped ones, your own in the XDG config folder, slmaudit/rules, and those of --rules; a later one of the same id stands for an earlier one. A rule that can not be used or answered is named, and the others run.',
    '--since cuts what is told; as far as rules compare with what was before, that is read too.',
    'With --new-only, leave --since out: a span is of the time of the events, and what is delivered late, or says that it happened before, would never be told. All the history is asked then at each run. Where that takes too long, let --since reach back further than any delivery is late, such as 30d.',
    '--new-only leaves out what was shown before, also where it goes on; one that has grown to ten times the hits it was told with, and a hundred at least, is told once more, with what it was before. --notify sends each telling of an episode as one JSON object, a CloudEvent whose id stays the same: to a webhook, to the standard input of a command, or to the end of a file. It is tried again with growing pauses, at the next run too, until it is accepted (an answer 2xx, an exit code 0), and never again after that; a receiver that sees an id twice may drop it. Redirects to another origin are not followed. What has been shown and sent is remembered in the XDG state folder, slmaudit/detect.',
  ],
  arguments: [],
  options: [
    ...RULES_OPTIONS,
    {
      flags: '--rule <RULE>',
      about: 'only this one, by its name or id; again for more',
      many: true,
      suggests: ruleNames,
    },
    { flags: '--level <LEVEL>', about: 'rules of this level and above', choices: LEVELS, default: 'all' },
    ...SPAN_OPTIONS.map(o =>
      o.flags.startsWith('--since')
        ? { ...o, about: 'only episodes with a hit from then on: 2h, 7d, yesterday, ...' }
        : o,
    ),
    {
      flags: '--format <FORMAT>',
      about: 'how episodes come out',
      choices: EPISODE_FORMATS,
      default: 'table on a terminal, ndjson in a pipe',
    },
    {
      flags: '--fail-on <LEVEL>',
      about: 'exit with 1 if there is one of this level or above',
      choices: LEVELS,
    },
    { flags: '--new-only', about: 'only what was not shown before, or has grown tenfold since' },
    {
      flags: '--notify <TARGET>',
      about: 'send each to https://..., http://..., exec:COMMAND or file:PATH; again for more',
      many: true,
      suggests: () => ['https://', 'http://', 'exec:', 'file:'],
    },
    { flags: '--notify-for <SPAN>', about: 'try to send for so long in this run', default: '1m' },
    ...LIMIT_OPTIONS,
    {
      flags: '--allow-unverified',
      about: 'answer from what is there though it was altered; every episode says so',
    },
  ],
  examples: [
    { command: 'slmaudit detect --since 7d', about: 'what a week held' },
    { command: 'slmaudit detect --since 1d --fail-on high', about: 'for cron or CI' },
    { command: 'slmaudit detect --new-only', about: 'once before that: what it shows is never sent' },
    {
      command: 'slmaudit -q detect --new-only --level medium --notify "exec:mail -s slmaudit ops"',
      about: 'every ten minutes from cron: each alert once, by mail',
    },
  ],
  exits: [
    [0, 'asked; with --fail-on: and nothing of that level'],
    [1, 'with --fail-on: there is something; or something that was sealed has been altered'],
    [2, 'a rule could not be used or answered, or an alert not delivered or not made; all else was done'],
    [75, 'another run with --new-only or --notify goes on'],
    [130, 'interrupted'],
  ],
  async run(given, context) {
    const { isAtLeast } = await import('../../detect/episode.ts');
    const { runDetect } = await import('../../detect/run.ts');
    const { targetOf } = await import('../../detect/target.ts');
    const { beginLogged } = await import('../../query/logged.ts');
    const { voice } = context;
    const [level, failOn] = ['level', 'failOn'].map(name => text(given, name) as Level | undefined);
    const targets = [...new Map(texts(given, 'notify').map(t => [t, targetOf(t)])).values()];
    const withinMs = readSpan(text(given, 'notifyFor') ?? '1m', '--notify-for');
    const read = await rulesOf(given, context);
    const named = texts(given, 'rule').map(name => ruleNamed(read, name));
    const all = named.length > 0 ? [...new Set(named)] : read.rules;
    // Whoever asks for one has no use for what is wrong with others.
    const problems = named.length > 0 ? [] : read.problems;
    const rules = level === undefined ? all : all.filter(r => isAtLeast(r.rule.level, level));
    if (rules.length === 0 && problems.length === 0)
      throw new AuditError('NO_RULES', 'there is no rule to ask', {
        hint: '`slmaudit rules list` lists them; --level, --rule and --no-shipped leave some out',
      });
    if (named.length === 0) for (const one of read.warnings) voice.warn(problemText(one));
    const store = context.openStore();
    const span = spanOf(given, context);
    const question = { sql: 'detect', parameters: { rules: rules.map(r => r.rule.id).join(' ') }, ...span };
    const logged = beginLogged(store, {
      verb: 'detect',
      question,
      user: userName(),
      at: instantOf(Date.now()),
    });
    const began = performance.now();
    const progress = showProgress(context, { count: 0 });
    const format = (text(given, 'format') ??
      (context.terminal ? 'table' : 'ndjson')) as (typeof EPISODE_FORMATS)[number];
    let ran: Ran;
    try {
      ran = await runDetect(store, rules, {
        ...span,
        query: {
          ...optionsOf(given, context),
          ...(logged && { except: logged.batch }),
          onProgress: p => void (p.phase === 'checking' && progress.heard(p)),
          onPlan: ({ findings }) => {
            if (findings.length > 0) voice.warn(`this answer is not verified: ${findings.join('; ')}`);
          },
        },
        newOnly: flag(given, 'newOnly'),
        targets,
        withinMs,
        folder: context.detectFolder,
        onRule: done => {
          progress.end();
          if (performance.now() - began > 1000) voice.progress(`rule ${done + 1} of ${rules.length}`);
        },
        onDamage: damage => voice.warn(damage),
        show: async ({ episodes }) => {
          progress.end();
          logged?.end('ok', { rows: episodes.length });
          voice.clear();
          const print = printer(context.stdout);
          const isPrinted = await printEpisodes(episodes, format, print, { width: context.width });
          return isPrinted && isRead(print);
        },
      });
    } catch (error) {
      logged?.end(context.signal.aborted ? 'cancelled' : 'error', { rows: 0 });
      throw error;
    } finally {
      progress.end();
    }
    const troubles = [
      ...problems.map(p => trouble(p.code, problemText(p), p.hint)),
      ...troublesOf(ran, context.detectFolder),
    ];
    for (const one of troubles) voice.error(one);
    // A list that is cut is one that can be looked at; an alert that is not sent is one that nobody gets.
    const noise = ran.noisy.map(({ rule, total }) =>
      trouble(
        'NOISY_RULE',
        `${rule.title} (${rule.file}:${rule.line}): only the latest ${grouped(MOST_EPISODES)} of ${grouped(total)} episodes are told`,
        'such a rule is noise: make it narrower, or leave it out',
      ),
    );
    for (const one of noise) voice.error(one);
    if (targets.length > 0) troubles.push(...noise);
    voice.say(`${counted(rules.length, 'rule')}, ${summaryOf(ran)}`);
    if (context.signal.aborted) return context.signal.reason === 'SIGINT' ? 130 : 2;
    if (failOn !== undefined && ran.episodes.some(e => isAtLeast(e.rule.level, failOn))) return 1;
    return troubles.length > 0 ? 2 : 0;
  },
};

function summaryOf({ episodes, deliveries }: Ran): string {
  const levels = LEVELS.toReversed().flatMap(level => {
    const n = episodes.filter(e => e.rule.level === level).length;
    return n > 0 ? [`${grouped(n)} ${level}`] : [];
  });
  const sent = deliveries.map(d => `; ${grouped(d.accepted)} sent to ${d.target.label}`).join('');
  return `${counted(episodes.length, 'episode')}${levels.length > 0 ? `: ${levels.join(', ')}` : ''}${sent}`;
}

const trouble = (code: string, message: string, hint: string | undefined): AuditError =>
  new AuditError(code, message, hint === undefined ? {} : { hint });

/** `own.yml:7:3: there is no field usr_id`. */
function problemText({ file, line, column, message }: RuleProblem): string {
  return `${[file, line, column].filter(part => part !== undefined).join(':')}: ${message}`;
}

/** What should have been done and wasn't. */
function troublesOf({ failed, doorless, deliveries, dropped, elsewhere }: Ran, folder: string): AuditError[] {
  return [
    ...(doorless
      ? [trouble(doorless.code, `nobody was looked for at the door: ${doorless.message}`, doorless.hint)]
      : []),
    ...failed.map(({ rule, error }) => {
      const { code, message } = engineSaid(error);
      return trouble(
        code,
        `${rule.title} (${rule.file}:${rule.line}) could not be asked: ${message}`,
        error.hint,
      );
    }),
    ...deliveries
      .filter(d => d.left > 0)
      .map(({ target, left, why }) =>
        trouble(
          'NOT_DELIVERED',
          `${counted(left, 'alert waits', 'alerts wait')} for ${target.label}: ${why}`,
          'they are sent first at the next run with the same --notify',
        ),
      ),
    ...(elsewhere > 0
      ? [
          trouble(
            'ALERTS_WAIT',
            `${counted(elsewhere, 'alert waits', 'alerts wait')} for a --notify that was not given now; one that is spelled otherwise is another`,
            `give it once more; what is remembered stands in ${folder}`,
          ),
        ]
      : []),
    ...(dropped > 0
      ? [
          trouble(
            'ALERTS_DROPPED',
            `${counted(dropped, 'alert')} that waited longest were given up`,
            undefined,
          ),
        ]
      : []),
  ];
}
