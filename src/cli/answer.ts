import { createReadStream, mkdtempSync, rmSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { ResultSink } from '../duck/process.ts';
import { systemText } from '../errors.ts';
import type { Answered, Question, QueryOptions } from '../query/query.ts';
import type { Receipt } from '../query/receipt.ts';
import { instantOf } from '../store/clock.ts';
import type { Store } from '../store/store.ts';
import { userName } from './actor.ts';
import { type Context, flag, type Given, type OptionSpec, text } from './command.ts';
import { LIMIT_OPTIONS, limitsOf } from './limits.ts';
import { showProgress } from './progress.ts';
import { ANSWER_FORMATS, type Print, printer, type RowFormat, rowSink } from './render/rows.ts';
import type { Target } from './target.ts';
import { counted, grouped, usage } from './values.ts';

export const FORMAT_OPTION: OptionSpec = {
  flags: '--format <FORMAT>',
  about: 'how rows come out',
  choices: ANSWER_FORMATS,
  default: 'table on a terminal, ndjson in a pipe',
};

/** Options of every verb that answers from records. */
export const ANSWER_OPTIONS: readonly OptionSpec[] = [
  { flags: '-o, --output <FILE>', about: 'write the answer there, all of it or nothing' },
  ...LIMIT_OPTIONS,
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
  /** The question itself, where `question` is only what is asked first to find it. */
  readonly next?: () => Promise<Question>;
  /** What may explain to a person that there are no rows. */
  readonly onNone?: () => Promise<readonly string[]>;
  /** Formats are not asked: rows come out so. */
  readonly sink?: (print: Print) => ResultSink;
  /** What the engine gets where nothing else is said. */
  readonly engine?: Pick<QueryOptions, 'memory' | 'threads'>;
}

export function optionsOf(
  given: Given,
  context: Context,
  memory?: number,
): ReturnType<typeof limitsOf> & Pick<QueryOptions, 'unverified'> {
  return { ...limitsOf(given, context, memory), unverified: flag(given, 'allowUnverified') };
}

/** Asks, shows what comes, and writes what was asked for beside it. The verbs' own business is the question. */
export async function answer(given: Given, context: Context, store: Store, asking: Asking): Promise<number> {
  const options = { ...asking.engine, ...optionsOf(given, context, asking.engine?.memory) };
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
  const { verb } = asking;
  const { voice } = context;
  const { query } = await import('../query/query.ts');
  const { Counting, Hashing } = await import('../query/hashing.ts');
  const { formatReceipt, receiptOf } = await import('../query/receipt.ts');
  const { beginLogged } = await import('../query/logged.ts');
  const { replaceFile } = await import('../store/durable.ts');
  const { targetOf, unwritable } = await import('./target.ts');
  const receiptPath = text(given, 'receipt');
  const signPath = text(given, 'signKey');
  if (signPath !== undefined && receiptPath === undefined) throw usage('--sign-key signs a --receipt');
  if (receiptPath !== undefined && flag(given, 'allowUnverified'))
    throw usage('a receipt is for an answer that was verified: leave out --allow-unverified');
  const signer = signPath === undefined ? undefined : (await import('./signer.ts')).readSigner(signPath);
  const format = asking.sink ? undefined : formatOf(given, context);
  const at = instantOf(Date.now());
  const logged = beginLogged(store, { verb, question: asking.question, user: userName(), at });
  const target = targetOf(text(given, 'output'), context.stdout);
  const folder = format === 'parquet' ? mkdtempSync(join(tmpdir(), 'slmaudit-parquet-')) : undefined;
  const parquet = folder && join(folder, 'answer.parquet');
  const sink = sinkOf(asking, format, target, context);
  const rows = receiptPath === undefined ? new Counting(sink) : new Hashing(sink);
  const progress = showProgress(context, rows);
  try {
    const question = asking.next ? await asking.next() : asking.question;
    if (asking.next) logged?.asks(question);
    const answered = await query(
      store,
      question,
      {
        ...options,
        ...(logged && { except: logged.batch }),
        repeatable: receiptPath !== undefined,
        ...(parquet !== undefined && { parquet: { path: parquet, andRows: true } }),
        onProgress: progress.heard,
        onPlan: ({ findings }) => {
          if (findings.length > 0) voice.warn(`this answer is not verified: ${findings.join('; ')}`);
        },
      },
      rows,
    );
    progress.end();
    if (parquet !== undefined) await pipeline(createReadStream(parquet), target.stream, { end: false });
    await target.keep();
    const output = text(given, 'output');
    if (output !== undefined && receiptPath === undefined && context.terminal)
      voice.say(`${output}: ${counted(rows.count, 'row')}`);
    let receipt: string | undefined;
    if (rows instanceof Hashing) {
      const made = receiptOf(question, answered, rows.answer(), circumstances(verb, at, context));
      receipt = formatReceipt(made, signer);
      try {
        replaceFile(receiptPath!, receipt, 0o600);
      } catch (cause) {
        throw unwritable(receiptPath!, cause instanceof Error ? systemText(cause) : '', cause);
      }
      voice.say(receiptLine(receiptPath!, made, answered));
    }
    logged?.end('ok', { rows: rows.count, receipt });
    if (rows.count === 0 && context.terminal)
      for (const line of (await asking.onNone?.()) ?? []) voice.hint(line);
    return 0;
  } catch (error) {
    logged?.end(context.signal.aborted ? 'cancelled' : 'error', { rows: rows.count });
    throw error;
  } finally {
    progress.end();
    target.drop();
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  }
}

/** What was asked for, else what the file's name says, else what is there to read it. */
export function formatOf(given: Given, { terminal }: Context): (typeof ANSWER_FORMATS)[number] {
  const output = text(given, 'output');
  const stated = text(given, 'format') ?? formatByName(output);
  const format = stated ?? (terminal && output === undefined ? 'table' : 'ndjson');
  if (format === 'parquet' && terminal && output === undefined)
    throw usage('parquet is not for a terminal: name a file with -o');
  return format as (typeof ANSWER_FORMATS)[number];
}

/** What a file's name says of its format. */
export const formatByName = (path: string | undefined): string | undefined =>
  EXTENSIONS[/\.(\w+)$/.exec(path ?? '')?.[1] ?? ''];

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
  { width, voice }: Context,
): ResultSink {
  const direct = printer(target.stream);
  const cleared = (shown: string): Promise<boolean> => {
    voice.clear();
    return direct(shown);
  };
  const print = Object.assign(cleared, { isTerminal: direct.isTerminal === true });
  if (asking.sink) return asking.sink(print);
  if (format === 'parquet') return { columns: () => undefined, rows: () => true, end: () => undefined };
  const title = asking.title ?? `slmaudit ${asking.verb}`;
  return rowSink(format as RowFormat, print, {
    title,
    plain: target.isFile,
    width: target.isFile ? undefined : width,
  });
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
