import type { Joined } from '../../compact/compact.ts';
import { AuditError } from '../../errors.ts';
import { formatRanges, rangesOf } from '../../log/ranges.ts';
import { spanOver } from '../../log/span.ts';
import type { Due } from '../../prune/plan.ts';
import type { Pruned } from '../../prune/prune.ts';
import { type CommandDetails, type Context, flag, type Given, text } from '../command.ts';
import { printJson } from '../json.ts';
import { counted, grouped as withCommas, humanBytes, readSpan, usage } from '../values.ts';
import { LOCK_WAIT_OPTION, lockWaitOf } from '../writing.ts';

const PLAN_OPTIONS = [
  { flags: '-n, --dry-run', about: 'say what would be done, and do nothing' },
  LOCK_WAIT_OPTION,
] as const;
const EXITS: CommandDetails['exits'] = [
  [0, 'done, or nothing to do'],
  [1, 'something that was sealed has been altered: it was left as it is, all else is done'],
  [
    2,
    'no policy, a doubtful clock, no space, unreadable: what is said to be deleted is, nothing else was done',
  ],
  [75, 'another writer holds the lock'],
];

export const pruneCommand: CommandDetails = {
  description: [
    'Delete segments that are older than the maximum of their class, unless another policy that still binds, or a hold, keeps them. Every candidate is verified first; what is not as it was sealed stays, as evidence, and is reported. An entry of the log says what goes, then files go; `slmaudit verify` judges it for ever by the policies and holds of that time. Then small files are joined, as `slmaudit compact` does.',
    'An interrupted prune is finished by whoever writes next. Without output and with 0 under -q when there is nothing to say, so that cron stays silent.',
    'A clock that stands behind the last entry, or ahead of it by more than the grace of the policy, deletes nothing: --clock-is-right says that it is right all the same.',
  ],
  arguments: [],
  options: [
    ...PLAN_OPTIONS,
    { flags: '--older-than <SPAN>', about: 'also what is older than that, down to the minimum of its class' },
    { flags: '--clock-is-right', about: 'the clock of this host is right though it looks doubtful' },
    { flags: '--no-compact', about: 'do not join small files' },
  ],
  json: 'what goes and what is kept, as one object',
  examples: [
    { command: 'slmaudit prune --dry-run', about: 'what would go, and why' },
    { command: 'slmaudit prune -q --lock-wait 10m', about: 'from cron' },
  ],
  exits: EXITS,
  async run(given, context) {
    const store = context.openStore();
    const { prune } = await import('../../prune/prune.ts');
    const older = text(given, 'olderThan');
    const options = common(given, context);
    const { pruned, entry } = await prune(store, {
      ...options,
      clockIsRight: flag(given, 'clockIsRight'),
      ...(older !== undefined && { olderThan: daysOf(older) }),
      onProgress: (done, of) => context.voice.progress(`verifying: ${done} of ${of} files`),
    });
    if (flag(given, 'json')) printJson(context, pruned);
    else for (const line of lines(pruned)) context.stdout.write(`${line}\n`);
    say(context, pruned, entry, options.dryRun);
    if (given.options['compact'] === false || options.dryRun) return pruned.leftOut.length > 0 ? 1 : 0;
    const { compact } = await import('../../compact/compact.ts');
    const { joined, leftOut } = await compact(store, options);
    if (joined.length > 0) context.voice.say(joinedLine(joined, false));
    for (const l of leftOut) context.voice.error(new AuditError(l.code, l.why, { exit: 1 }));
    return pruned.leftOut.length + leftOut.length > 0 ? 1 : 0;
  },
};

export const compactCommand: CommandDetails = {
  description: [
    'Join the small files of days that are over into few: segments of one class, sealed on one day, under the same holds, up to a million records a file. The records stay as they are; every root is computed again from what was written before the log says where they lie now. `slmaudit prune` does it too.',
  ],
  arguments: [],
  options: [...PLAN_OPTIONS],
  json: 'all of it as one object',
  examples: [{ command: 'slmaudit compact --dry-run', about: 'what would be joined' }],
  exits: EXITS,
  async run(given, context) {
    const { compact } = await import('../../compact/compact.ts');
    const options = common(given, context);
    const compacted = await compact(context.openStore(), {
      ...options,
      onProgress: (done, of) => context.voice.progress(`joining: ${done} of ${of}`),
    });
    const { joined, leftOut, before, behind } = compacted;
    if (flag(given, 'json')) printJson(context, compacted);
    context.voice.say(
      joined.length > 0
        ? `${joinedLine(joined, options.dryRun)}; ${counted(before, 'file')} ${options.dryRun ? 'would become' : 'became'} ${withCommas(behind)}`
        : 'nothing to join',
    );
    for (const l of leftOut) context.voice.error(new AuditError(l.code, l.why, { exit: 1 }));
    return leftOut.length > 0 ? 1 : 0;
  },
};

function common(
  given: Given,
  { signal }: Context,
): { lockWaitMs: number; now: number; dryRun: boolean; signal: AbortSignal } {
  return { lockWaitMs: lockWaitOf(given), now: Date.now(), dryRun: flag(given, 'dryRun'), signal };
}

function daysOf(span: string): number {
  const days = Math.floor(readSpan(span, '--older-than') / 86_400_000);
  if (days < 1) throw usage('--older-than takes days, such as 200d');
  return days;
}

/** Segments of one class, sealed on one day and due on one, in a line; --json has each. */
function lines({ segments, kept, leftOut }: Pruned): string[] {
  const sum = (some: readonly { readonly records: number }[]): string =>
    counted(
      some.reduce((n, s) => n + s.records, 0),
      'record',
    );
  return [
    ...grouped(segments, d => `${day(d.sealed_at)} ${day(d.due)} ${d.rule}`).map(some => {
      const [first] = some as [Due];
      const whole = spanOver(some.map(s => s.span));
      const span = whole ? `${day(whole.from)} to ${day(whole.to)}` : 'no records';
      const bytes = humanBytes(some.reduce((n, s) => n + s.bytes, 0));
      return `${named(some)}  ${sum(some)}  ${bytes}  ${span}  sealed ${day(first.sealed_at)}  due ${day(first.due)}  ${first.rule}`;
    }),
    ...grouped(kept, k => `${day(k.due)} ${k.kept_by}`).map(
      some => `kept ${named(some)}  ${sum(some)}  due ${day(some[0]!.due)}  ${some[0]!.kept_by}`,
    ),
    ...leftOut.map(l => `left out ${l.segment}  ${l.code}${l.file === undefined ? '' : `  ${l.file}`}`),
  ];
}

function grouped<T>(all: readonly T[], of: (one: T) => string): T[][] {
  const groups = new Map<string, T[]>();
  for (const one of all) groups.set(of(one), [...(groups.get(of(one)) ?? []), one]);
  return [...groups.values()];
}

function named(some: readonly { readonly segment: number }[]): string {
  const ranges = formatRanges(rangesOf(some.map(s => s.segment)));
  return `${some.length === 1 ? 'segment' : 'segments'} ${ranges.length > 40 ? `${ranges.slice(0, 40)}…` : ranges}`;
}

const day = (at: string): string => at.slice(0, 10);

/** `entry`: absent where nothing was deleted. */
function say(
  { voice }: Context,
  { segments, leftOut }: Pruned,
  entry: number | undefined,
  dryRun: boolean,
): void {
  const records = segments.reduce((sum, s) => sum + s.records, 0);
  const bytes = segments.reduce((sum, s) => sum + s.bytes, 0);
  const what = `${counted(segments.length, 'segment')}, ${counted(records, 'record')}, ${humanBytes(bytes)}`;
  if (segments.length === 0) voice.say('nothing to delete');
  else voice.say(dryRun ? `would delete ${what}` : `deleted ${what} (entry ${entry})`);
  if (leftOut.length === 0) return;
  voice.error(
    new AuditError(
      leftOut[0]!.code,
      `${counted(leftOut.length, 'segment')} that ${leftOut.length === 1 ? 'was' : 'were'} to go ${leftOut.length === 1 ? 'is' : 'are'} not what was sealed, and ${dryRun ? 'would stay' : 'stayed'}`,
      { exit: 1, hint: 'run `slmaudit verify`: it lists all that was altered' },
    ),
  );
}

function joinedLine(joined: readonly Joined[], dryRun: boolean): string {
  const files = joined.reduce((sum, j) => sum + j.files, 0);
  return `${dryRun ? 'would join' : 'joined'} ${counted(files, 'small file')} into ${withCommas(joined.length)}`;
}
