import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { AuditError, stopped } from '../errors.ts';
import type { Pin } from '../log/pin.ts';
import type { QueryOptions } from '../query/query.ts';
import { microsOf } from '../record/time.ts';
import { syncFolder } from '../store/durable.ts';
import type { Store } from '../store/store.ts';
import { exitOf, isLowering, type Report } from '../verify/finding.ts';
import type { Only } from '../verify/only.ts';
import { verify } from '../verify/verify.ts';
import { copyStore, without } from './copy.ts';
import { gather } from './gather.ts';
import { namesUnder, putIn, putProofs, putReports, putSums } from './reports.ts';
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
  const { since, until, now, pin, remember, signal, version } = options;
  const step = (name: string): void => {
    if (signal?.aborted) throw stopped(signal.reason);
    options.onStep?.(name);
  };
  const span = { ...(since !== undefined && { since }), ...(until !== undefined && { until }) };
  const only: Only | undefined = since === undefined && until === undefined ? undefined : span;
  const verifying = { ...(pin && { pin }), ...(only && { only }), ...(signal && { signal }) };

  step('verifying');
  const kept = remember === undefined ? {} : { remember };
  const report = await verify(store, { ...verifying, records: true, ...kept });
  step('copying');
  const copied = await copyStore(store.at, () => emptied(join(folder, 'store')), only);
  const inPack: Store = { ...store, at: copied.at };
  const copy = await verify(inPack, { ...verifying, records: false, pack: true });
  const isIntact = [report, copy].every(r => r.findings.every(isLowering));

  const asking: QueryOptions = {
    memory: options.memory,
    repeatable: true,
    unverified: !isIntact,
    ...(signal && { signal }),
  };
  const gathered = await without(copied.at, spoilt([report, copy]), () =>
    gather(inPack, copied.told, { ...span, zone: options.zone, now, asking, isIntact, folder, step }),
  );

  step('writing reports');
  const put = putIn(folder);
  const proofs = isIntact ? await putProofs(inPack, gathered.written, put) : [];
  const exit = worst(exitOf(report), exitOf(copy));
  putReports({ store, copied, ...gathered, span, report, copy, exit, proofs, pin, now, version }, put);
  step('hashing');
  const bytes = await putSums(folder, put);
  return {
    records: gathered.written.records,
    bytes,
    report,
    copy,
    findings: new Set([...report.findings, ...copy.findings].map(f => JSON.stringify(f))).size,
    exit,
    sealedAt: copied.told.times.at(-1) ?? now,
  };
}

/** Files of records that are not what was sealed: nothing is read from them. */
const spoilt = (reports: readonly Report[]): ReadonlySet<string> =>
  new Set(
    reports.flatMap(({ findings }) =>
      findings.flatMap(({ file }) => (file?.startsWith('records/') ? [file] : [])),
    ),
  );

/** 1 altered before 2 not checked before 4 less to be believed. */
const worst = (...exits: readonly number[]): number => [1, 2, 4].find(e => exits.includes(e)) ?? 0;

function emptied(folder: string): string {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { mode: 0o700 });
  return folder;
}
