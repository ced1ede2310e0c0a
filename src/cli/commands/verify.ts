import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { AuditError, systemText } from '../../errors.ts';
import { readBounded } from '../../store/durable.ts';
import type { Pin } from '../../log/pin.ts';
import { shellWord } from '../../record/shell.ts';
import type { Store } from '../../store/store.ts';
import { exitOf, type Finding, type Report } from '../../verify/finding.ts';
import type { Only } from '../../verify/only.ts';
import { checking } from '../checking.ts';
import { type CommandDetails, type Context, flag, type Given, text } from '../command.ts';
import { printJson } from '../json.ts';
import { reportLines, findingLine } from '../render/report.ts';
import { SPAN_OPTIONS, spanOf } from '../span.ts';
import { counted, grouped, readCount, readRange, usage } from '../values.ts';
import { printable } from '../voice.ts';

export const verifyCommand: CommandDetails = {
  description: [
    'Check the checkpoint, the chain of entries and keys, the tiles, and the digest of every payload and quarantine file, and name every file that belongs to none of them. All that is wrong is listed, not only the first. The store is never written to.',
    'With --records, every record is hashed again from the Parquet files and the roots are compared with the signed ones. --since, --until and --segment leave payloads outside a range unopened; the log itself is always checked whole.',
    'The pin is what makes this more than self-consistent: give the one that `slmaudit init` printed and that was kept elsewhere. Without --pin the pin beside the keys of this host is taken; a thief who owns the host could have replaced both.',
    'The newest checkpoint that was found good under a pin is remembered in the XDG state folder: a log that is later shorter, or another one, is a finding. --since-head compares with a copy of log/checkpoint that an auditor has kept. Two heads that contradict each other are kept there as evidence that anyone with the log key can check, with --fork.',
    'With --pack, the store is the one in an evidence pack (`slmaudit pack`): without --since, --until or --segment the span is that of pack.json beside it, rejected lines that are not in it are counted as such, and a head known here that is newer than the pack says only that the log has grown since. Whether that newer head extends the pack is seen by verifying the store itself with --since-head and the checkpoint of the pack.',
    'With --proof, a record and its proof as `slmaudit prove` wrote them are checked with the pin alone: no store is needed.',
  ],
  arguments: [],
  options: [
    { flags: '--records', about: 'also hash every record again' },
    {
      flags: '--jobs <N>',
      about: 'threads that check signatures and read payloads',
      default: 'the cores, at most 4',
    },
    { flags: '--pin <PIN>', about: 'the pin, or a file that holds it', default: "this host's own" },
    ...SPAN_OPTIONS.map(o => ({ ...o, about: o.about.replace('only', 'open only payloads with') })),
    { flags: '--segment <N-M>', about: 'open only the payloads of these segments' },
    { flags: '--pack', about: 'the store is of an evidence pack: see above' },
    { flags: '--since-head <FILE>', about: 'a checkpoint kept from before: the log must extend it' },
    {
      flags: '--proof <FILE>',
      about: 'check a .tlog-proof file and the record beside it instead of a store',
    },
    { flags: '--record <FILE>', about: "the record's line", default: 'the .ndjson file beside --proof' },
    { flags: '--fork <FILE>', about: 'check evidence of a fork instead of a store' },
    { flags: '--report <FILE>', about: 'also write the report, as JSON, to be kept as evidence' },
  ],
  json: 'the report as one object',
  examples: [
    { command: 'slmaudit verify --records --pin pin.txt', about: 'what an auditor runs' },
    { command: 'slmaudit verify --json | jq .findings', about: 'findings as data' },
    {
      command: 'slmaudit verify --pin pin.txt --proof ID.tlog-proof',
      about: 'one record, without the store',
    },
  ],
  exits: [
    [0, 'intact'],
    [1, 'altered: the findings say what and where'],
    [2, 'could not be checked'],
    [4, 'intact, but checked against no pin, or the log was rekeyed, or an open segment was set aside'],
  ],
  run(given, context) {
    if (text(given, 'proof') !== undefined) return runProof(given, context);
    if (text(given, 'fork') !== undefined) return runFork(given, context);
    return runStore(given, context);
  },
};

const MOST_JOBS = 4;

async function runStore(given: Given, context: Context): Promise<number> {
  const { openToVerify } = await import('../../verify/opened.ts');
  const { verify } = await import('../../verify/verify.ts');
  const { givenPin, localPin } = await import('../../store/store.ts');
  const { formatPin } = await import('../../log/pin.ts');
  const { keepFork } = await import('../../verify/heads.ts');
  const store = openToVerify(context.storeFolder, context.keysFolder);
  if ('code' in store) return refuse(store, given, context);
  const [stated, sinceHead] = [text(given, 'pin'), text(given, 'sinceHead')];
  const pin = stated === undefined ? undefined : givenPin(stated);
  const only =
    readOnly(given, context) ?? (flag(given, 'pack') ? spanOfPack(store.at.store, context) : undefined);
  const told = checking();
  const report = await verify(store, {
    ...(pin && { pin }),
    ...(only && { only }),
    ...(flag(given, 'pack') && { pack: true }),
    ...(sinceHead !== undefined && { sinceHead: readEvidence(sinceHead) }),
    records: flag(given, 'records'),
    remember: context.headsFolder,
    signal: context.signal,
    jobs: readCount(text(given, 'jobs') ?? String(Math.min(MOST_JOBS, availableParallelism())), '--jobs'),
    onProgress(done) {
      const line = told(done);
      if (line !== undefined) context.voice.progress(line);
    },
  });
  context.voice.clear();
  const used = pin ?? localPin(store);
  const shown = { pin: used && formatPin(used), records: flag(given, 'records') };
  const exit = exitOf(report);
  const json = {
    form: 'slmaudit-report/1',
    exit,
    version: context.version,
    ...(used && { pin: shown.pin }),
    ...report,
  };
  writeReport(given, json);
  if (flag(given, 'json')) printJson(context, json);
  // From cron, an answer that is as it should be is no news.
  else if (exit !== 0 || !flag(given, 'quiet')) {
    for (const line of reportLines(report, shown)) context.stdout.write(`${line}\n`);
    tellPending(report, context);
  }
  const kept = report.fork && keepFork(context.headsFolder, report.fork);
  if (kept !== undefined)
    context.voice.warn(`both heads are kept as evidence: slmaudit verify --fork ${shellWord(kept)}`);
  return exit;
}

function readOnly(given: Given, context: Context): Only | undefined {
  const span = spanOf(given, context);
  const segments = readRange(text(given, 'segment'), '--segment');
  if (span.since === undefined && span.until === undefined && !segments) return undefined;
  return { ...span, ...(segments && { segments }) };
}

/**
 * The span that an evidence pack says it is of, in the file beside its store. Only which files are to be there is taken from it, as from
 * --since and --until; the answer says how many segments were passed over.
 */
function spanOfPack(store: string, { voice }: Context): Only | undefined {
  let said: unknown;
  try {
    said = JSON.parse(readBounded(join(store, '..', 'pack.json'), MOST_INPUT_BYTES).toString('utf8'));
  } catch {
    return undefined;
  }
  const { since, until } = (said ?? {}) as { since?: unknown; until?: unknown };
  const isTime = (at: unknown): at is string => typeof at === 'string' && INSTANT.test(at);
  const span = { ...(isTime(since) && { since }), ...(isTime(until) && { until }) };
  const parts = [span.since && `from ${span.since}`, span.until && `before ${span.until}`].filter(Boolean);
  if (parts.length === 0) return undefined;
  voice.say(`the pack is of a span: ${parts.join(', ')}`);
  return span;
}

/** As `pack` writes times. */
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;

function writeReport(given: Given, report: object): void {
  const path = text(given, 'report');
  if (path === undefined) return;
  try {
    writeFileSync(path, `${JSON.stringify(report, undefined, 2)}\n`, { mode: 0o600 });
  } catch (cause) {
    throw new AuditError(
      'REPORT_UNWRITABLE',
      `can't write ${path}: ${cause instanceof Error ? systemText(cause) : ''}`,
      {
        hint: 'name a file that this user may write',
        cause,
      },
    );
  }
}

/** Of a store that can't even be opened. */
function refuse(finding: Finding, given: Given, context: Context): number {
  const exit = exitOf({ findings: [finding], assurance: 'none' });
  const json = {
    form: 'slmaudit-report/1',
    exit,
    version: context.version,
    assurance: 'none',
    findings: [finding],
  };
  writeReport(given, json);
  if (flag(given, 'json')) printJson(context, json);
  else context.stdout.write(`${findingLine(finding)}\n`);
  return exit;
}

function tellPending({ pending }: Report, { voice }: Context): void {
  const open = pending.filter(p => p.kind === 'open').length;
  const rest = pending.length - open;
  if (open > 0) voice.say(`${counted(open, 'open segment')}: not sealed yet, so not checked`);
  if (rest > 0)
    voice.say(`${counted(rest, 'file')} of an unfinished or running seal; the next writer clears up`);
}

async function runProof(given: Given, context: Context): Promise<number> {
  const { proofExit, verifyProof } = await import('../../verify/proof.ts');
  const { formatPin } = await import('../../log/pin.ts');
  const path = text(given, 'proof')!;
  const record = text(given, 'record') ?? path.replace(/\.tlog-proof$/, '.ndjson');
  if (record === path) throw usage('name the line of the record with --record');
  const line = readEvidence(record).toString('utf8').replace(/\n$/, '');
  const pin = await pinGiven(given, context);
  const result = verifyProof(Buffer.from(line, 'utf8'), readEvidence(path).toString('utf8'), pin);
  if (flag(given, 'json')) printJson(context, result);
  else if (result.good) {
    const { origin, seq, segment, sealedAt, size } = result;
    context.stdout.write(`proved   record ${grouped(seq)}, in segment ${segment}, sealed at ${sealedAt}\n`);
    context.stdout.write(`log      ${origin}, a checkpoint of ${counted(size, 'entry', 'entries')}\n`);
    context.stdout.write(`pin      ${formatPin(pin)}\n`);
    context.stdout.write(
      'better   a whole `slmaudit verify` also shows that no later thief of the keys can have made it\n',
    );
  } else {
    const verdict = proofExit(result) === 1 ? 'ALTERED' : 'UNKNOWN';
    context.stdout.write(`${verdict}  ${result.code} ${printable(result.why)}\n`);
  }
  return proofExit(result);
}

async function runFork(given: Given, context: Context): Promise<number> {
  const { isFork } = await import('../../verify/heads.ts');
  const path = text(given, 'fork')!;
  const pin = await pinGiven(given, context);
  let good = false;
  try {
    good = isFork(
      JSON.parse(readEvidence(path).toString('utf8')) as Parameters<typeof isFork>[0],
      pin.logKey,
    );
  } catch (error) {
    if (error instanceof AuditError && error.code === 'INPUT_UNREADABLE') throw error;
  }
  if (flag(given, 'json')) printJson(context, { fork: good, origin: pin.logKey.name });
  else
    context.stdout.write(
      good
        ? `FORK     the holder of ${pin.logKey.name}'s log key has signed two histories\n`
        : 'no fork  this file shows nothing of the pinned log\n',
    );
  return good ? 1 : 2;
}

/** --pin, or that of the store if there is one. */
async function pinGiven(given: Given, { storeFolder, keysFolder }: Context): Promise<Pin> {
  const { givenPin, localPin } = await import('../../store/store.ts');
  const stated = text(given, 'pin');
  const pin = stated === undefined ? localPin(await storeOrUsage(storeFolder, keysFolder)) : givenPin(stated);
  if (!pin) throw usage('give the pin of the log with --pin');
  return pin;
}

async function storeOrUsage(folder: string, keys: string): Promise<Store> {
  const { openStore } = await import('../../store/store.ts');
  try {
    return openStore(folder, keys);
  } catch (error) {
    if (error instanceof AuditError) throw usage('give the pin of the log with --pin');
    throw error;
  }
}

/** A proof or a checkpoint. */
const MOST_INPUT_BYTES = 16 << 20;

function readEvidence(path: string): Buffer {
  try {
    return readBounded(path, MOST_INPUT_BYTES);
  } catch (cause) {
    throw new AuditError(
      'INPUT_UNREADABLE',
      `can't read ${path}: ${cause instanceof Error ? systemText(cause) : ''}`,
      {
        hint: 'name a file that this user may read',
        cause,
      },
    );
  }
}
