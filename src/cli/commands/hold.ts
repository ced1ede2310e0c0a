import type { Added, Wanted } from '../../hold/hold.ts';
import { CODE } from '../../log/hold.ts';
import { formatRanges, parseRanges, type Range, rangesOf } from '../../log/ranges.ts';
import { instantOf } from '../../store/clock.ts';
import type { Store } from '../../store/store.ts';
import { userName } from '../actor.ts';
import { optionsOf } from '../answer.ts';
import { SPAN_OPTIONS, spanOf } from '../span.ts';
import {
  type CommandDetails,
  type Context,
  flag,
  type Given,
  optionKey,
  type OptionSpec,
  text,
} from '../command.ts';
import { printJson } from '../json.ts';
import { FILTER_OPTIONS, filtersOf } from '../filters.ts';
import { listFormat, printList } from '../render/list.ts';
import { ROW_FORMAT_OPTION } from '../render/rows.ts';
import { counted, usage } from '../values.ts';
import { LOCK_WAIT_OPTION, lockWaitOf, WRITING_EXITS } from '../writing.ts';

const WHO: OptionSpec = {
  flags: '--by <CODE>',
  about: 'who decided it: a role or a number, no name',
  default: 'a keyed hash of the user that runs this',
};
const FILTERS = FILTER_OPTIONS.map(optionKey);

export const holdAddCommand: CommandDetails = {
  description: [
    'Put a hold into the log: nothing it covers may be deleted or redacted, until it is released and the grace is over. `slmaudit verify` names every deletion that went against one.',
    'A hold on records, found as `slmaudit search` finds them (by user, key, address, model, text, ...), is resolved to the segments that hold them now, by a query; what it was asked for is not kept: entries are never deleted, and no person stands in them. Records that come later are not covered: repeat it, or hold a span. With --since or --until such a hold takes records of that span only.',
    'A hold on a span alone covers every segment with a record in it, those of later too; either end may be open. --all is both ends open.',
    'Whole segments are held, and so their other records too.',
  ],
  arguments: [],
  options: [
    ...FILTER_OPTIONS,
    ...SPAN_OPTIONS,
    { flags: '--segments <RANGES>', about: 'these segments: 3,7-9' },
    { flags: '--all', about: 'everything, of later too' },
    { flags: '--reason <CODE>', about: 'a code, such as a case number; no words, no names' },
    WHO,
    LOCK_WAIT_OPTION,
  ],
  json: 'the hold, as one object',
  examples: [
    { command: 'slmaudit hold add --user ana --reason case-2026-017', about: 'where her records are now' },
    {
      command: 'slmaudit hold add --api-key-file - --reason leak-3 < key.txt',
      about: 'where a leaked key was used',
    },
    {
      command: 'slmaudit hold add --since 2026-05-01 --reason inquiry-4 --by legal',
      about: 'all from May on, and what comes',
    },
  ],
  exits: [
    [0, 'held'],
    [
      1,
      'the log or a payload was altered, or the log is older than what this host has committed; nothing was written',
    ],
    [2, 'nothing of it is there, or it can not be read; nothing was written'],
    WRITING_EXITS[1]!,
  ],
  async run(given, context) {
    const about = codes(given);
    const kind = kindOf(given);
    const lockWaitMs = lockWaitOf(given);
    const store = context.openStore();
    const { addHold, whoIs } = await import('../../hold/hold.ts');
    const by = about.by ?? whoIs(store, userName());
    const wanted = await wantedOf(kind, given, context, store);
    const added = await addHold(store, { reason: about.reason, by }, wanted, {
      lockWaitMs,
      now: Date.now(),
    });
    say(added, wanted, given, context);
    return 0;
  },
};

type Kind = 'found' | 'segments' | 'span' | 'all';

/** Refuses before anything is asked or written. */
function kindOf(given: Given): Kind {
  const kinds: Kind[] = [];
  if (FILTERS.some(name => text(given, name) !== undefined)) kinds.push('found');
  if (text(given, 'segments') !== undefined) kinds.push('segments');
  if (flag(given, 'all')) kinds.push('all');
  const hasSpan = text(given, 'since') !== undefined || text(given, 'until') !== undefined;
  const [kind = hasSpan ? 'span' : undefined] = kinds;
  if (kind === undefined || kinds.length > 1 || (hasSpan && (kind === 'segments' || kind === 'all')))
    throw usage(
      'say what to hold: records as for `slmaudit search`, or --since and --until, or --segments, or --all',
    );
  return kind;
}

async function wantedOf(kind: Kind, given: Given, context: Context, store: Store): Promise<Wanted> {
  if (kind === 'all') return { kind: 'span', span: {} };
  if (kind === 'segments') return { kind, ranges: readRanges(text(given, 'segments')!) };
  const span = spanOf(given, context);
  if (kind === 'span') return { kind, span };
  const { conditionOf } = await import('../../search/conditions.ts');
  const { segmentsWith } = await import('../../hold/resolve.ts');
  const condition = conditionOf(await filtersOf(given, store, context.stdin));
  const { ranges, records, unsealed } = await segmentsWith(
    store,
    { ...condition, ...span },
    optionsOf(given, context),
  );
  context.voice.say(`${counted(records, 'sealed record')} found`);
  if (unsealed > 0)
    context.voice.warn(
      `${counted(unsealed, 'record')} more ${unsealed === 1 ? 'is' : 'are'} not sealed yet and not held: run this again once running ingests have sealed`,
    );
  return { kind, ranges };
}

function readRanges(said: string): readonly Range[] {
  try {
    return parseRanges(said, 0);
  } catch {
    throw usage(`--segments takes numbers and ranges that grow, such as 3,7-9, not "${said}"`);
  }
}

/** What entries may hold of reasons and people. */
function codes(given: Given): { readonly reason: string; readonly by: string | undefined } {
  const [reason, by] = [text(given, 'reason'), text(given, 'by')];
  if (reason === undefined) throw usage('give a --reason: a code, such as a case number');
  for (const [name, value] of [
    ['--reason', reason],
    ['--by', by ?? 'none'],
  ] as const)
    if (!CODE.test(value) || value.startsWith('hmac:'))
      throw usage(
        `${name} takes a code of letters, digits and . _ : / - without spaces, such as case-2026-017: entries are never deleted, so no names stand in them`,
      );
  return { reason, by };
}

function say({ entry, hold, covered, besides }: Added, wanted: Wanted, given: Given, context: Context): void {
  if (flag(given, 'json')) {
    const now = { ...covered, segments: formatRanges(rangesOf(covered.segments)) };
    printJson(context, { entry, ...hold, segments: formatRanges(hold.segments), covered: now });
    return;
  }
  const { voice } = context;
  const now = `${counted(covered.segments.length, 'segment')}, ${counted(covered.records, 'record')}`;
  voice.say(
    `hold ${hold.id}, entry ${entry}: ${now}${covered.span ? ` of ${covered.span.from} to ${covered.span.to}` : ''}`,
  );
  voice.say(
    wanted.kind === 'span'
      ? 'it covers what comes in that span, too; nothing of it is deleted until it is released'
      : 'nothing of it is deleted until it is released; what comes later is not covered',
  );
  if (besides > 0)
    voice.say(
      `${counted(besides, 'segment')} between them ${besides === 1 ? 'is' : 'are'} held too: an entry can't name so many ranges`,
    );
}

const LISTED = [
  'id',
  'state',
  'since',
  'reason',
  'by',
  'segments',
  'which',
  'records',
  'from_ts',
  'to_ts',
  'span',
  'released_at',
  'release_reason',
  'release_by',
  'binds_until',
] as const;
const LISTED_BRIEFLY = [
  ['id', 'state', 'since', 'reason', 'by', 'segments', 'records', 'span', 'binds_until'],
  ['id', 'state', 'since', 'reason', 'by', 'records'],
  ['id', 'state', 'since', 'reason', 'by'],
] as const;

export const holdListCommand: CommandDetails = {
  description: [
    'List every hold there ever was: active; released, but binding until its grace is over; or over. segments, records and the times are those it covers now; span is what it was written for, where it covers what comes.',
    '`by` is a code, or a keyed hash of a user of a host.',
  ],
  arguments: [],
  options: [ROW_FORMAT_OPTION],
  examples: [{ command: 'slmaudit hold list', about: 'what is kept, since when and why' }],
  exits: [
    [0, 'listed'],
    [1, 'the log was altered'],
    [2, 'could not be read'],
  ],
  async run(given, context) {
    const { listHolds } = await import('../../hold/hold.ts');
    const { readHistory } = await import('../../store/history.ts');
    const { localPin } = await import('../../store/store.ts');
    const store = context.openStore();
    const history = readHistory(store.at, localPin(store));
    const isTable = listFormat(given, context.terminal) === 'table';
    const rows = listHolds(history, instantOf(Date.now())).map(({ hold, state, until, covered }) => ({
      id: hold.id,
      state,
      since: hold.at,
      reason: hold.reason,
      by: isTable ? briefly(hold.by) : hold.by,
      segments: covered.segments.length,
      which: formatRanges(rangesOf(covered.segments)),
      records: covered.records,
      from_ts: covered.span?.from,
      to_ts: covered.span?.to,
      span: hold.span && `${hold.span.since ?? 'open'} ${hold.span.until ?? 'open'}`,
      released_at: hold.release?.at,
      release_reason: hold.release?.reason,
      release_by: hold.release?.by,
      binds_until: until,
    }));
    await printList(
      given,
      context,
      { names: LISTED, numeric: ['segments', 'records'], brief: LISTED_BRIEFLY },
      rows,
    );
    return 0;
  },
};

/** Of a keyed hash as much as tells it from others. */
const briefly = (by: string): string => by.replace(/^(hmac:\w{8})\w+$/, '$1…');

export const holdReleaseCommand: CommandDetails = {
  description: [
    'Put the release of a hold into the log. The hold goes on binding until the grace is over, the longest of the policies that bind now; then the policy alone says what may be deleted. A release can not be taken back; a new hold can be added.',
  ],
  arguments: [
    {
      name: 'ID',
      about: 'as `hold list` prints it',
      suggests: async ({ openStore }) => {
        const { readHistory } = await import('../../store/history.ts');
        const { retention } = readHistory(openStore().at);
        return retention.holds
          .filter(h => !h.release)
          .map(({ id, reason }) => ({ value: id, about: reason }));
      },
    },
  ],
  options: [
    { flags: '--reason <CODE>', about: 'a code, such as a case number; no words, no names' },
    WHO,
    LOCK_WAIT_OPTION,
  ],
  json: 'the release, as one object',
  examples: [
    { command: 'slmaudit hold release 0a1b2c3d --reason case-closed --by legal', about: 'a case is over' },
  ],
  exits: [
    [0, 'released'],
    WRITING_EXITS[0]!,
    [2, 'there is no such hold, or it was released before; nothing was written'],
    WRITING_EXITS[1]!,
  ],
  async run(given, context) {
    const { reason, by } = codes(given);
    const [id] = given.args;
    const lockWaitMs = lockWaitOf(given);
    const store = context.openStore();
    const { releaseHold, whoIs } = await import('../../hold/hold.ts');
    const release = { id: id!, reason, by: by ?? whoIs(store, userName()) };
    const { entry, until } = await releaseHold(store, release, { lockWaitMs, now: Date.now() });
    if (flag(given, 'json')) printJson(context, { entry, ...release, until });
    else context.voice.say(`hold ${id} is released by entry ${entry}; it binds until ${until}`);
    return 0;
  },
};
