import { createReadStream, mkdtempSync, rmSync } from 'node:fs';
import { hostname, tmpdir, totalmem, userInfo } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Progress } from '../duck/job.ts';
import type { ResultSink } from '../duck/process.ts';
import type { Answered, Question, QueryOptions } from '../query/query.ts';
import type { Receipt } from '../query/receipt.ts';
import { readWhen } from '../record/when.ts';
import { instantOf } from '../store/clock.ts';
import { replaceFile } from '../store/durable.ts';
import { type Store } from '../store/store.ts';
import { type Context, flag, type Given, type OptionSpec, text } from './command.ts';
import { ANSWER_FORMATS, printer, type RowFormat, rowSink } from './render/rows.ts';
import { readSigner } from './signer.ts';
import { type Target, targetOf } from './target.ts';
import { counted, grouped, humanBytes, readSize, readSpan, readZone, usage } from './values.ts';

/** Options of every verb that answers from records. */
export const SPAN_OPTIONS: readonly OptionSpec[] = [
  {
    flags: '--since <TIME>',
    about: 'only records from then on: 2h, 7d, yesterday, "last tuesday", 2026-05-01, RFC 3339',
  },
  { flags: '--until <TIME>', about: 'only records before that' },
  {
    flags: '--zone <ZONE>',
    about: 'of times and days that name none, such as Europe/Berlin',
    default: 'UTC',
  },
];

export const FORMAT_OPTION: OptionSpec = {
  flags: '--format <FORMAT>',
  about: 'how rows come out',
  choices: ANSWER_FORMATS,
  default: 'table on a terminal, ndjson in a pipe',
};

export const ANSWER_OPTIONS: readonly OptionSpec[] = [
  { flags: '-o, --output <FILE>', about: 'write the answer there, all of it or nothing' },
  { flags: '--timeout <SPAN>', about: 'stop after so long', default: '5m' },
  {
    flags: '--memory <SIZE>',
    about: "bound of the engine's buffers; beyond it spills to disk",
    default: "a quarter of the machine's, at most 1GiB",
  },
  { flags: '--strict', about: 'trust no remembered digest, and check all once more behind the query' },
  {
    flags: '--allow-unverified',
    about: 'answer from what is there though it was altered; every row says so in a column `unverified`',
  },
  {
    flags: '--receipt <FILE>',
    about: 'write what the answer was made from; only sealed records are asked then',
  },
  { flags: '--sign-key <FILE>', about: 'sign the receipt; `slmaudit receipt key` makes one' },
];

export const ANSWER_EXITS: readonly (readonly [number, string])[] = [
  [0, 'answered'],
  [1, 'something that was sealed has been altered; what was printed, if anything, is no answer'],
  [2, 'it could not be answered, or not in time'],
  [130, 'interrupted'],
];

export interface Asking {
  readonly verb: string;
  readonly title?: string;
  readonly question: Question;
  /** Formats are not asked: rows come out so. */
  readonly sink?: (print: ReturnType<typeof printer>) => ResultSink;
}

/** Asks, shows what comes, and writes what was asked for beside it. The verbs' own business is the question. */
export async function answer(given: Given, context: Context, store: Store, asking: Asking): Promise<number> {
  const options = optionsOf(given, context);
  // It loads the engine while this process finds out what there is to read.
  const { QueryProcess } = await import('../duck/process.ts');
  const process = new QueryProcess(options.memory);
  try {
    return await answerWith({ ...options, process }, given, context, store, asking);
  } finally {
    process.stop();
  }
}

async function answerWith(
  options: QueryOptions,
  given: Given,
  context: Context,
  store: Store,
  asking: Asking,
): Promise<number> {
  const { question, verb } = asking;
  const { voice } = context;
  const { query } = await import('../query/query.ts');
  const receiptPath = text(given, 'receipt');
  const signPath = text(given, 'signKey');
  if (signPath !== undefined && receiptPath === undefined) throw usage('--sign-key signs a --receipt');
  const signer = signPath === undefined ? undefined : readSigner(signPath);
  const { beginLogged } = await import('../query/logged.ts');
  const at = instantOf(Date.now());
  const logged = beginLogged(store, { verb, question, user: userName(), at });
  const format = asking.sink ? undefined : formatOf(given, context);
  const target = targetOf(text(given, 'output'), context.stdout);
  const folder = format === 'parquet' ? mkdtempSync(join(tmpdir(), 'slmaudit-parquet-')) : undefined;
  const parquet = folder && join(folder, 'answer.parquet');
  const { Hashing, formatReceipt, receiptOf } = await import('../query/receipt.ts');
  const hashing = new Hashing(sinkOf(asking, format, target, context), receiptPath !== undefined);
  const progress = showProgress(context, hashing);
  try {
    const answered = await query(
      store,
      question,
      {
        ...options,
        repeatable: receiptPath !== undefined,
        ...(parquet !== undefined && { parquet: { path: parquet, andRows: true } }),
        onProgress: progress.heard,
        onPlan: ({ findings }) => {
          if (findings.length > 0) voice.warn(`this answer is not verified: ${findings.join('; ')}`);
        },
      },
      hashing,
    );
    progress.end();
    if (parquet !== undefined) await pipeline(createReadStream(parquet), target.stream, { end: false });
    await target.keep();
    const result = hashing.answer();
    let receipt: string | undefined;
    if (receiptPath !== undefined) {
      const made = receiptOf(question, answered, result, circumstances(verb, at, context));
      receipt = formatReceipt(made, signer);
      replaceFile(receiptPath, receipt, 0o600);
      voice.say(receiptLine(receiptPath, made, answered));
    }
    logged?.end('ok', { rows: result.rows, receipt });
    return 0;
  } catch (error) {
    logged?.end(context.signal.aborted ? 'cancelled' : 'error', { rows: hashing.count });
    throw error;
  } finally {
    progress.end();
    target.drop();
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  }
}

function formatOf(given: Given, { terminal }: Context): (typeof ANSWER_FORMATS)[number] {
  const output = text(given, 'output');
  const stated = text(given, 'format') ?? EXTENSIONS[/\.(\w+)$/.exec(output ?? '')?.[1] ?? ''];
  const format = stated ?? (terminal && output === undefined ? 'table' : 'ndjson');
  if (format === 'parquet' && terminal && output === undefined)
    throw usage('parquet is not for a terminal: name a file with -o');
  return format as (typeof ANSWER_FORMATS)[number];
}

/** What a file's name says of its format. */
const EXTENSIONS: Readonly<Record<string, string>> = {
  csv: 'csv',
  json: 'json',
  ndjson: 'ndjson',
  jsonl: 'ndjson',
  md: 'markdown',
  html: 'html',
  parquet: 'parquet',
  txt: 'table',
};

function sinkOf(
  asking: Asking,
  format: (typeof ANSWER_FORMATS)[number] | undefined,
  target: Target,
  { width }: Context,
): ResultSink {
  const print = printer(target.stream);
  if (asking.sink) return asking.sink(print);
  if (format === 'parquet') return { columns: () => undefined, rows: () => true, end: () => undefined };
  const title = asking.title ?? `slmaudit ${asking.verb}`;
  return rowSink(format as RowFormat, print, { title, width: target.isFile ? undefined : width });
}

export function optionsOf(
  given: Given,
  { signal, knownFolder }: Context,
): Pick<QueryOptions, 'memory' | 'timeoutMs' | 'signal' | 'known' | 'strict' | 'unverified'> {
  const memory = text(given, 'memory');
  return {
    memory: memory === undefined ? defaultMemory() : readSize(memory, '--memory'),
    timeoutMs: readSpan(text(given, 'timeout') ?? '5m', '--timeout'),
    signal,
    known: knownFolder,
    strict: flag(given, 'strict'),
    unverified: flag(given, 'allowUnverified'),
  };
}

/** A quarter of the machine's, or of what its container may have; at most 1 GiB. */
function defaultMemory(): number {
  const allowed = process.constrainedMemory();
  const all = allowed !== undefined && allowed > 0 ? Math.min(allowed, totalmem()) : totalmem();
  return Math.min(2 ** 30, Math.floor(all / 4));
}

/** `--since` and `--until` as records have times; what was understood is said. */
export function spanOf(given: Given, { voice }: Context): Pick<Question, 'since' | 'until'> {
  const zone = readZone(text(given, 'zone')) ?? 'UTC';
  const now = Date.now() * 1000;
  const read = (name: 'since' | 'until'): string | undefined => {
    const said = text(given, name);
    if (said === undefined) return undefined;
    const ts = readWhen(said, now, zone);
    if (ts === undefined)
      throw usage(
        `--${name} takes a time such as 2h, yesterday, "last tuesday", 2026-05-01 or RFC 3339, not "${said}"`,
      );
    return ts;
  };
  const [since, until] = [read('since'), read('until')];
  if (since !== undefined && until !== undefined && since >= until)
    throw usage(`--since ${since} is not before --until ${until}`);
  const parts = [since && `from ${short(since)}`, until && `before ${short(until)}`].filter(Boolean);
  if (parts.length > 0)
    voice.say(`${parts.join(', ')}${zone === 'UTC' ? ' (UTC)' : `; days of ${zone}, times in UTC`}`);
  return { ...(since !== undefined && { since }), ...(until !== undefined && { until }) };
}

const short = (ts: string): string => ts.replace(/\.?0*Z$/, 'Z');

export function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? 'unknown');
  }
}

function circumstances(
  verb: string,
  at: string,
  { version }: Context,
): Parameters<typeof import('../query/receipt.ts').receiptOf>[3] {
  return {
    verb,
    at,
    by: { user: userName(), host: hostname() },
    versions: { slmaudit: version, node: process.version },
  };
}

function receiptLine(path: string, { answer: { rows }, read }: Receipt, { plan }: Answered): string {
  return `receipt ${path}: ${counted(rows, 'row')} from ${counted(read.length, 'payload')}, ${grouped(plan.leftOut.length)} left out`;
}

/** What goes on, for whoever waits longer than a second. */
function showProgress(
  { voice }: Context,
  answered: { readonly count: number },
): { readonly heard: (progress: Progress) => void; readonly end: () => void } {
  let latest: Progress | undefined;
  const began = performance.now();
  const clock = setInterval(() => {
    if (performance.now() - began < 1000) return;
    const seconds = `${((performance.now() - began) / 1000).toFixed(0)} s`;
    if (answered.count > 0) voice.progress(`${counted(answered.count, 'row')}, ${seconds}`);
    else if (latest?.phase === 'checking')
      voice.progress(
        `checking payloads: ${latest.files} of ${latest.of}, ${humanBytes(latest.bytes)} read, ${seconds}`,
      );
    else if (latest?.phase === 'querying')
      voice.progress(`querying: ${latest.percent.toFixed(0)} % of ${humanBytes(latest.bytes)}, ${seconds}`);
  }, 200);
  return {
    heard: progress => {
      latest = progress;
    },
    end: () => clearInterval(clock),
  };
}
