import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { coverageOf } from '../coverage/coverage.ts';
import { findRecords, type Found } from '../coverage/found.ts';
import type { Coverage } from '../coverage/report.ts';
import { AuditError, stopped } from '../errors.ts';
import { formatPin, type Pin } from '../log/pin.ts';
import { prove } from '../prove/prove.ts';
import type { QueryOptions } from '../query/query.ts';
import { microsOf } from '../record/time.ts';
import { syncFolder } from '../store/durable.ts';
import { digestFile, localPin, type Store } from '../store/store.ts';
import { exitOf, isLowering, type Report } from '../verify/finding.ts';
import type { Only } from '../verify/only.ts';
import { verify } from '../verify/verify.ts';
import { controlsCsv } from './controls.ts';
import { type Copied, copyStore, without } from './copy.ts';
import { csvText } from './csv.ts';
import {
  clockCsv,
  deletionsCsv,
  fieldsCsv,
  holdsCsv,
  payloadsCsv,
  policiesCsv,
  quarantineCsv,
} from './lists.ts';
import { readme } from './readme.ts';
import { type Written, writeRecords } from './records.ts';
import { writeTarball } from './tar.ts';

export interface PackOptions {
  readonly since?: string;
  /** Excluded. */
  readonly until?: string;
  /** Of the days of the coverage report. */
  readonly zone: string;
  /** A folder, or a file that ends in .tar.gz or .tgz; nothing may be there. */
  readonly output: string;
  readonly pin?: Pin;
  /** As in VerifyOptions. */
  readonly remember?: string;
  /** Of this program. */
  readonly version: string;
  /** As entries have times. */
  readonly now: string;
  /** Bound of the engine's buffers, bytes. */
  readonly memory: number;
  readonly signal?: AbortSignal;
  readonly onStep?: (step: string) => void;
}

export interface Packed {
  readonly path: string;
  readonly records: number;
  readonly files: number;
  readonly bytes: number;
  /** Of the store when it was packed. */
  readonly report: Report;
  /** What an auditor will find of the pack itself. */
  readonly copy: Report;
  /** How much both found, each thing once. */
  readonly findings: number;
  /** As `verify` answers, the worse of both. */
  readonly exit: number;
}

const ARCHIVE = /\.(?:tar\.gz|tgz)$/;
const HOUR = 3_600_000_000;

/**
 * Writes an evidence pack: all of it, or nothing. What verification finds is in it, at the top. Throws OUTPUT_EXISTS,
 * NOTHING_CHECKED where no segment lies in the span, and what reading throws.
 */
export async function pack(store: Store, options: PackOptions): Promise<Packed> {
  const output = resolve(options.output);
  if (existsSync(output))
    throw new AuditError('OUTPUT_EXISTS', `${output} is there already`, {
      hint: 'name a new folder or file with -o: a pack never replaces another',
    });
  const staged = join(dirname(output), `.slmaudit-${randomBytes(8).toString('hex')}.tmp`);
  const archive = `${staged}.tar.gz`;
  try {
    mkdirSync(staged, { mode: 0o700 });
    const made = await fill(store, staged, options);
    const names = namesUnder(staged);
    if (ARCHIVE.test(output)) {
      options.onStep?.('writing the archive');
      const top = basename(output).replace(ARCHIVE, '');
      const mtime = Math.floor(microsOf(made.sealedAt) / 1e6);
      await writeTarball(staged, names, { path: archive, top, mtime });
      renameSync(archive, output);
    } else renameSync(staged, output);
    syncFolder(dirname(output));
    return { path: output, files: names.length, ...made };
  } finally {
    rmSync(staged, { recursive: true, force: true });
    rmSync(archive, { force: true });
  }
}

async function fill(
  store: Store,
  folder: string,
  options: PackOptions,
): Promise<Omit<Packed, 'path' | 'files'> & { readonly sealedAt: string }> {
  const { since, until, now } = options;
  const step = (name: string): void => {
    if (options.signal?.aborted) throw stopped(options.signal.reason);
    options.onStep?.(name);
  };
  const put = (name: string, text: string | Buffer): void => {
    mkdirSync(dirname(join(folder, name)), { recursive: true, mode: 0o700 });
    writeFileSync(join(folder, name), text, { flag: 'wx', mode: 0o600 });
  };
  const span = { ...(since !== undefined && { since }), ...(until !== undefined && { until }) };
  const only: Only | undefined = since === undefined && until === undefined ? undefined : span;
  const pinned = options.pin && { pin: options.pin };
  const { signal } = options;
  const verifying = { ...pinned, ...(only && { only }), ...(signal && { signal }) };

  step('verifying');
  const { remember } = options;
  const report = await verify(store, {
    ...verifying,
    records: true,
    ...(remember !== undefined && { remember }),
  });
  step('copying');
  const copied = await copyStore(store.at, () => emptied(join(folder, 'store')), only);
  const inPack: Store = { ...store, at: copied.at };
  const copy = await verify(inPack, { ...verifying, records: false, pack: true });
  const isIntact = [report, copy].every(r => r.findings.every(isLowering));

  step('counting');
  const asking: QueryOptions = {
    memory: options.memory,
    repeatable: true,
    unverified: !isIntact,
    ...(options.signal && { signal: options.signal }),
  };
  const troubles: string[] = [];
  const looked = { ...span, zone: options.zone };
  const nothing: Found = { days: [], gaps: [] };
  const records = join(folder, 'records.ndjson');
  const { coverage, written } = await without(copied.at, spoilt([report, copy]), async () => {
    const found = await tried(isIntact, troubles, nothing, () => findRecords(inPack, looked, HOUR, asking));
    step('writing records');
    const none: Written = { records: 0 };
    return {
      coverage: coverageOf(copied.told, found, { ...looked, now }),
      written: await tried(isIntact, troubles, none, () => writeRecords(inPack, span, asking, records)),
    };
  });
  if (!existsSync(records)) put('records.ndjson', '');
  const proofs = isIntact ? await putProofs(inPack, written, put) : [];

  step('writing reports');
  const pin = options.pin ?? localPin(store) ?? copied.told.pin;
  putReports({ store, copied, coverage, now }, put);
  if (pin) put('pin.txt', `${formatPin(pin)}\n`);
  for (const { entry, note } of copied.told.events)
    if (entry.kind !== 'compact')
      put(`entries/${String(entry.index).padStart(8, '0')}-${entry.kind}.note`, note);
  const { head } = copied.told;
  const exit = worst(exitOf(report), exitOf(copy));
  const { version } = options;
  const asJson = (r: Report): object => ({ form: 'slmaudit-report/1', exit: exitOf(r), version, ...r });
  put('verification.json', json({ store: asJson(report), pack: asJson(copy) }));
  put(
    'pack.json',
    json({
      form: 'slmaudit-pack/1',
      origin: head.origin,
      ...span,
      size: head.size,
      root: head.root.toString('base64'),
      records: written.records,
      exit,
      packed_at: now,
      versions: { slmaudit: version, node: process.version },
    }),
  );
  const pinFrom = options.pin ? 'given' : localPin(store) ? 'host' : 'log';
  put(
    'README.md',
    readme({ span, copied, coverage, written, report, copy, exit, proofs, troubles, pinFrom }),
  );
  step('hashing');
  const bytes = await putSums(folder, put);
  return {
    records: written.records,
    bytes,
    report,
    copy,
    findings: new Set([...report.findings, ...copy.findings].map(f => JSON.stringify(f))).size,
    exit,
    sealedAt: copied.told.times.at(-1) ?? now,
  };
}

type Put = (name: string, text: string | Buffer) => void;

interface Reported {
  readonly store: Store;
  readonly copied: Copied;
  readonly coverage: Coverage;
  readonly now: string;
}

function putReports({ store, copied, coverage, now }: Reported, put: Put): void {
  const { told } = copied;
  put('checkpoint', told.head.note);
  put('coverage.json', json(coverage));
  put(
    'coverage.csv',
    csvText(
      ['source', 'day', 'first', 'last', 'sealed', 'pruned', 'redacted', 'held', 'rejected', 'known'],
      coverage.days.map(d => [
        d.source,
        d.day,
        d.first,
        d.last,
        d.sealed,
        d.pruned,
        d.redacted,
        d.held,
        d.rejected,
        d.known,
      ]),
    ),
  );
  put(
    'silences.csv',
    csvText(
      ['source', 'from', 'to', 'seconds', 'alive', 'heartbeats', 'known'],
      coverage.silences.map(s => [s.source, s.from, s.to, s.seconds, s.alive, s.heartbeats, s.known]),
    ),
  );
  put('policies.csv', policiesCsv(told, now));
  put('holds.csv', holdsCsv(told, now));
  put('prunes.csv', deletionsCsv(coverage.deletions.filter(d => d.kind === 'prune')));
  put('redactions.csv', deletionsCsv(coverage.deletions.filter(d => d.kind === 'redact')));
  put('payloads.csv', payloadsCsv(copied));
  put('quarantine.csv', quarantineCsv(store, copied));
  put('clock.csv', clockCsv(told));
  put('fields.csv', fieldsCsv());
  put('controls.csv', controlsCsv());
}

/** The first and the last record, each with its proof: what an auditor checks by hand. */
async function putProofs(store: Store, { first, last }: Written, put: Put): Promise<string[]> {
  const names: string[] = [];
  for (const seq of new Set([first, last])) {
    if (seq === undefined) continue;
    const { eventId, line, proof } = await prove(store, String(seq));
    put(`proofs/${eventId}.ndjson`, `${line}\n`);
    put(`proofs/${eventId}.tlog-proof`, proof);
    names.push(eventId);
  }
  return names;
}

/** `<hex>  <name>`, as sha256sum writes it. Returns the bytes of all files. */
async function putSums(folder: string, put: Put): Promise<number> {
  let bytes = 0;
  const lines: string[] = [];
  for (const name of namesUnder(folder)) {
    const digest = await digestFile(join(folder, name));
    lines.push(`${digest!.sha256}  ${name}\n`);
    bytes += digest!.bytes;
  }
  put('SHA256SUMS', lines.join(''));
  return bytes;
}

/** Files of records that are not what was sealed: nothing is read from them. */
const spoilt = (reports: readonly Report[]): ReadonlySet<string> =>
  new Set(
    reports.flatMap(({ findings }) =>
      findings.flatMap(({ file }) => (file?.startsWith('records/') ? [file] : [])),
    ),
  );

/** Where verification has found something, what can't be read is said, and the rest is packed. */
async function tried<T>(
  isIntact: boolean,
  troubles: string[],
  otherwise: T,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const isOver = error instanceof AuditError && error.code.startsWith('QUERY_');
    if (isIntact || isOver || !(error instanceof AuditError)) throw error;
    troubles.push(`${error.code} ${error.message}`);
    return otherwise;
  }
}

/** 1 altered before 2 not checked before 4 less to be believed. */
const worst = (...exits: readonly number[]): number => [1, 2, 4].find(e => exits.includes(e)) ?? 0;

const json = (value: object): string => `${JSON.stringify(value, undefined, 2)}\n`;

function emptied(folder: string): string {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { mode: 0o700 });
  return folder;
}

/** Files, relative and in order. */
function namesUnder(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => relative(folder, join(entry.parentPath, entry.name)))
    .toSorted((a, b) => (a < b ? -1 : 1));
}
