import { basename } from 'node:path';
import type { Asker } from '../../query/inquiry.ts';
import type { Answered } from '../../query/query.ts';
import { microsOf, tsOfMicros } from '../../record/time.ts';
import type { Span, Wanted } from '../../report/frame.ts';
import type { Page } from '../../report/page.ts';
import { instantOf } from '../../store/clock.ts';
import { userName } from '../actor.ts';
import { formatByName } from '../answer.ts';
import { type CommandDetails, type Context, flag, type Given, text } from '../command.ts';
import { LIMIT_OPTIONS, limitsOf } from '../limits.ts';
import { showProgress } from '../progress.ts';
import { PAGE_FORMATS, type PageFormat } from '../render/page/names.ts';
import { printer } from '../render/rows.ts';
import { SPAN_OPTIONS, spanOf } from '../span.ts';
import { counted, grouped, readZone, usage } from '../values.ts';

/** A page: what it says, and who makes it. */
interface PageSpec {
  readonly about: string;
  /** Which time it is about, where it is not a week and the one before. */
  readonly period?: string;
  readonly examples?: CommandDetails['examples'];
  /** Only so many days before --since are read, and nothing from --until on; undefined: all. */
  readonly history?: number;
  /** Bytes of the engine's buffers, where none are given. */
  readonly memory?: number;
  readonly make: () => Promise<(asker: Asker, wanted: Wanted) => Promise<Page>>;
}

/** Ten million records are judged within a gigabyte; the engine takes up to twice its buffers. */
const MEMORY = 448 * 2 ** 20;

const OWN_PERIOD = 'The period is all of what the store has, unless --since or --until say another.';

const PAGES: Readonly<Record<string, PageSpec>> = {
  usage: {
    about: 'Requests, users, tokens and costs; the models and users with most; what changed most.',
    make: async () => (await import('../../report/usage/page.ts')).usagePage,
  },
  failures: {
    about:
      'How requests ended, kinds of failure, HTTP status, the share that failed of each model and version, the worst hours, users with most failures, logins.',
    make: async () => (await import('../../report/failures/page.ts')).failuresPage,
  },
  latency: {
    about:
      'Percentiles of latency, of the time to the first token and of the time in a queue, by model and version and by length of the answer; the slowest answers.',
    make: async () => (await import('../../report/latency/page.ts')).latencyPage,
  },
  models: {
    about:
      'Models and versions in use with first and last seen, failures, users and latency; new ones and those that are gone; requests that another model answered than was asked for.',
    make: async () => (await import('../../report/models/page.ts')).modelsPage,
  },
  users: {
    about:
      'Users with most requests, tokens, costs and failures; whose use changed most; who is new (never seen before), back (seen before, not in the period before) and gone (seen in the period before, not in this one), so that users before - gone + back + new are those of now.',
    make: async () => (await import('../../report/users/page.ts')).usersPage,
  },
  anomalies: {
    about:
      'Requests, failures, latency, tokens, new addresses, repeated prompts, failed logins and silences, of all and of each model, user and address, each against what came before it. Of each episode: what was seen and what is usual, since when, who and what contributed, what the same user or address did at the door, ids of events, and the command that shows the records. There is nothing to train: what is usual is taken from up to eight weeks of records before (nine are read before --since), so that a store with less than a week of them is hardly judged, and Notes says so. Of what is told, no more than 5% is to be expected to be chance, over all that was tested; how many tests that were stands on the page.',
    period: OWN_PERIOD,
    examples: [
      { command: 'slmaudit report anomalies --since 7d', about: 'the last week, against what came before' },
      {
        command: 'slmaudit report anomalies -o anomalies.html',
        about: 'all there is, as a page for a browser or for print',
      },
      {
        command: "slmaudit report anomalies --json | jq -r '.episodes[] | [.from, .heading] | @tsv'",
        about: 'a line an episode',
      },
    ],
    history: 63,
    memory: MEMORY,
    make: async () => (await import('../../anomaly/page.ts')).anomaliesPage,
  },
  prompts: {
    about:
      'Prompts that came five times and more: sent by many users, ending in failures or refusals more often than chance says, burning most tokens, or sent at times as even as a script sends; with who sent each most, when, and how it ended. Prompts are known by their keyed hashes alone; `slmaudit hash` makes that of a text.',
    period: OWN_PERIOD,
    history: 0,
    memory: MEMORY,
    make: async () => (await import('../../anomaly/prompts/page.ts')).promptsPage,
  },
};

export const reportCommands: Readonly<Record<string, CommandDetails>> = Object.fromEntries(
  Object.entries(PAGES).map(([name, page]) => [name, commandOf(name, page)]),
);

function commandOf(name: string, page: PageSpec): CommandDetails {
  return {
    description: [
      page.about,
      page.period ??
        "The period is the last 7 full days of what the store has, unless --since or --until say another; it is compared with the one before, as long, where records reach back so far. What can't be said is said under Notes.",
      "Records that are later than this host's clock are left out where --until does not take them in, and Notes counts them.",
      'The digest of every payload is checked before it is read, and the end of the page says of which log it was made. --format html is one file without scripts that loads nothing; json is the same in numbers, in a shape that stays.',
    ],
    arguments: [],
    options: [
      ...SPAN_OPTIONS,
      {
        flags: '--format <FORMAT>',
        about: 'how the page comes out',
        choices: PAGE_FORMATS,
        default: "what the file's name says, else table on a terminal, json in a pipe",
      },
      { flags: '-o, --output <FILE>', about: 'write the page there, all of it or nothing' },
      ...LIMIT_OPTIONS,
      {
        flags: '--allow-unverified',
        about: 'say what is there though it was altered; the page says so first',
      },
    ],
    examples: page.examples ?? [
      {
        command: `slmaudit report ${name}`,
        about: page.period === undefined ? 'the last week, against the week before' : 'all there is',
      },
      {
        command: `slmaudit report ${name} --since 2026-05-01 --until 2026-06-01 -o ${name}.html`,
        about: 'a month, as a page for a browser or for print',
      },
    ],
    exits: [
      [0, 'said'],
      [1, 'something that was sealed has been altered'],
      [2, 'it could not be answered, or not in time'],
      [130, 'interrupted'],
    ],
    run: (given, context) => report(name, page, given, context),
  };
}

async function report(name: string, spec: PageSpec, given: Given, context: Context): Promise<number> {
  const store = context.openStore();
  const span = spanOf(given, context);
  const zone = readZone(text(given, 'zone')) ?? 'UTC';
  const format = formatOf(given, context);
  const limits = {
    ...limitsOf(given, context, spec.memory),
    unverified: flag(given, 'allowUnverified'),
  };
  const { inquire } = await import('../../query/inquiry.ts');
  const { beginLogged } = await import('../../query/logged.ts');
  const { inTime } = await import('../../report/deadline.ts');
  const { justAfter, reachNotes, reachOf } = await import('../../report/reach.ts');
  const { pageText } = await import('../render/page/format.ts');
  const { targetOf } = await import('../target.ts');
  const make = await spec.make();
  const at = instantOf(Date.now());
  const question = { sql: `report ${name}`, parameters: {}, ...span };
  const logged = beginLogged(store, { verb: 'report', question, user: userName(), at });
  const target = targetOf(text(given, 'output'), context.stdout);
  const progress = showProgress(context, { count: 0 });
  const options = { ...limits, ...(logged && { except: logged.batch }), onProgress: progress.heard };
  try {
    const answered = await inquire(store, { ...options, ...readOf(spec, span, justAfter(at)) }, asker =>
      make(inTime(asker, limits.timeoutMs ?? Infinity), { ...span, zone }),
    );
    const { value: page, head } = answered;
    const isEmpty = page.isEmpty === true;
    // By a clock that has gone on, so that what came meanwhile is not from the future.
    const reached =
      isEmpty || mayBeLater(answered, at)
        ? await inquire(store, { ...options, ...(!isEmpty && { since: at }) }, asker =>
            reachOf(asker, instantOf(Date.now())),
          )
        : undefined;
    const findings = [...new Set([...answered.findings, ...(reached?.findings ?? [])])];
    const reach = reached?.value ?? { span: null, later: null };
    progress.end();
    if (findings.length > 0) context.voice.warn(`this page is not verified: ${findings.join('; ')}`);
    const log = { origin: head.origin, size: head.size, root: head.root.toString('base64') };
    const shown = { width: target.isFile ? undefined : context.width, plain: target.isFile };
    const whole = {
      ...told(page, findings),
      notes: [...page.notes, ...reachNotes(reach, span, isEmpty)],
      data: {
        ...(page.data as object),
        later: reach.later,
        unverified: findings.length > 0 ? findings : null,
        made: at,
        log,
      },
    };
    const print = printer(target.stream);
    const foot = footOf({ ...answered, findings }, at, context.version);
    await print(pageText(format, whole, { ...shown, foot }));
    await target.keep();
    logged?.end('ok', { rows: page.sections.length });
    return 0;
  } catch (error) {
    logged?.end(context.signal.aborted ? 'cancelled' : 'error', { rows: 0 });
    throw error;
  } finally {
    progress.end();
    target.drop();
  }
}

/** Whoever reads a page of what was altered knows it before anything else. */
function told(page: Page, findings: readonly string[]): Page {
  if (findings.length === 0) return page;
  const why = `Nothing on this page is verified: ${findings.join('; ')}.`;
  return { ...page, title: `${page.title} (not verified)`, summary: [why, ...page.summary] };
}

/** Of sealed records the log tells; those that are not sealed yet have to be asked. */
const mayBeLater = ({ files, plan }: Answered, now: string): boolean =>
  plan.open || files.some(f => f.span.to > now);

/** Nothing that is later than `end`, the clock's time, where --until does not take it in. */
function readOf({ history }: PageSpec, { since, until }: Partial<Span>, end: string): Partial<Span> {
  if (history === undefined) return { until: until !== undefined && until > end ? until : end };
  const from = since && tsOfMicros(Math.max(0, microsOf(since) - history * DAY_US));
  return { ...(from !== undefined && { since: from }), until: until ?? end };
}

const DAY_US = 86_400_000_000;

function formatOf(given: Given, { terminal }: Context): PageFormat {
  const output = text(given, 'output');
  const byName = formatByName(output);
  const end = /\.\w+$/.exec(basename(output ?? ''))?.[0];
  if (text(given, 'format') === undefined && byName === undefined && end !== undefined)
    throw usage(
      `a file's name that ends in ${end} says nothing of the format: use .html, .md, .json or .txt, or say --format ${PAGE_FORMATS.join('|')}`,
    );
  const stated = text(given, 'format') ?? byName ?? (terminal && output === undefined ? 'table' : 'json');
  const format = PAGE_FORMATS.find(f => f === stated);
  if (format === undefined)
    throw usage(
      `a page is no ${stated}: --format says which of ${PAGE_FORMATS.join(', ')} goes into ${output}`,
    );
  return format;
}

/** Of which log a page was made, and what was checked. */
function footOf({ head, plan, segments, findings }: Answered, at: string, version: string): string[] {
  const pruned = plan.leftOut.filter(l => l.why === 'pruned').length;
  const more = [
    ...(pruned > 0 ? [`The records of ${counted(pruned, 'segment')} were deleted as recorded.`] : []),
    ...(plan.open ? ['Records that are not sealed yet are among those counted.'] : []),
  ];
  return [
    `Log ${head.origin}, ${counted(head.size, 'entry', 'entries')}, root ${head.root.toString('base64')}.`,
    [
      findings.length > 0
        ? 'Not verified: what was found wrong stands above.'
        : `Checked: the log against this host's copy of its head, and by digest the records of ${grouped(plan.read.length)} of ${counted(segments.length, 'segment')}.`,
      ...more,
    ].join(' '),
    `Made ${at.slice(0, 19)}Z by slmaudit ${version}.`,
  ];
}
