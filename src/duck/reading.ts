import { createHash, hash } from 'node:crypto';
import { closeSync, constants, fdatasyncSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { AuditError } from '../errors.ts';
import { microsOf } from '../record/time.ts';
import { isCode, makeFolder, readWhole, replaceFile } from '../store/durable.ts';
import { DIGEST_LIFE_MS, fileIdentity, SETTLED_MS } from '../store/identity.ts';
import { fdName } from './engine.ts';
import { FILTERED, filterHas, makeFilter } from './filter.ts';
import type { Checked, JobSegment, LeftOut, QueryJob } from './job.ts';
import { asksFor, mayHold, type Needs } from './needs.ts';

/** A payload whose bytes were seen to be those that were sealed, and the name under which the engine reads them. */
export interface Opened {
  readonly segment: JobSegment;
  readonly fd: number;
  readonly name: string;
  /** As it was when its bytes were read. */
  readonly identity: string;
  /** Were its bytes those that were sealed? */
  readonly isSame: boolean;
}

export interface Chosen {
  readonly read: readonly JobSegment[];
  readonly leftOut: readonly { readonly segment: number; readonly why: LeftOut }[];
}

/** The segments that can hold a record that is needed. */
export function choose({ segments, filters }: QueryJob, needs: Needs): Chosen {
  const read: JobSegment[] = [];
  const leftOut: { segment: number; why: LeftOut }[] = [];
  const byValue = asksFor(needs, FILTERED);
  for (const segment of segments) {
    if (!segment.payload || !segment.span) continue;
    const span = { from: microsOf(segment.span.from), to: microsOf(segment.span.to) };
    if (!mayHold(needs, span, () => true)) {
      leftOut.push({ segment: segment.segment, why: 'outside' });
      continue;
    }
    const filter = byValue ? filterOf(segment, filters) : undefined;
    const has = (column: string, value: string): boolean =>
      !filter || !FILTERED.includes(column) || filterHas(filter, column, value);
    if (!mayHold(needs, span, has)) leftOut.push({ segment: segment.segment, why: 'without' });
    else read.push(segment);
  }
  return { read, leftOut };
}

const filterPath = (folder: string, sha256: string): string => join(folder, `${sha256}.filter`);

/** Undefined where there is none, or another one than was made. */
function filterOf({ payload, known }: JobSegment, folder: string | undefined): Buffer | undefined {
  if (folder === undefined || known?.filter === undefined || !payload) return undefined;
  const bits = quietly(() => readWhole(filterPath(folder, payload.sha256), 1 << 26));
  return bits && hash('sha256', bits) === known.filter ? bits : undefined;
}

/** Makes filters of payloads that have none, for so long; returns their digests. */
export async function makeFilters(
  db: DuckDBConnection,
  opened: readonly Opened[],
  folder: string,
  forMs: number,
): Promise<Checked[]> {
  const until = performance.now() + forMs;
  const made: Checked[] = [];
  for (const { segment, name } of opened) {
    if (performance.now() > until) break;
    if (segment.known?.filter !== undefined || !segment.payload) continue;
    const bits = await makeFilter(db, name);
    const path = filterPath(folder, segment.payload.sha256);
    const written = quietly(() => {
      makeFolder(folder, 0o700);
      replaceFile(path, bits, 0o600);
      return true;
    });
    if (!written) break;
    made.push({ sha256: segment.payload.sha256, filter: hash('sha256', bits) });
  }
  return made;
}

function quietly<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof AuditError || isCode(error, 'EACCES', 'EROFS', 'EPERM', 'ENOSPC', 'EDQUOT'))
      return undefined;
    throw error;
  }
}

/** Payloads, opened and checked; what is wrong with one is thrown, or noted if the query is to go on all the same. */
export class Reading {
  readonly opened: Opened[] = [];
  readonly checked: Checked[] = [];
  readonly findings: string[];
  readonly missing: number[] = [];
  bytes = 0;
  readonly #job: QueryJob;

  constructor(job: QueryJob) {
    this.#job = job;
    this.findings = [...job.findings];
  }

  /** Throws PAYLOAD_ALTERED or PAYLOAD_MISSING (exit 1): nothing is read from what isn't what was sealed. */
  open(segment: JobSegment): void {
    let fd: number;
    try {
      fd = openSync(segment.path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    } catch (error) {
      if (!isCode(error, 'ENOENT', 'ELOOP', 'ENOTDIR')) throw error;
      this.#wrong('PAYLOAD_MISSING', segment);
      this.missing.push(segment.segment);
      return;
    }
    if (!fstatSync(fd).isFile()) {
      // A pipe or a folder in its place: nothing that could be read, verified or not.
      closeSync(fd);
      this.#wrong('PAYLOAD_ALTERED', segment);
      this.missing.push(segment.segment);
      return;
    }
    const { identity, isSame } = this.#check(segment, fd);
    if (!isSame) this.#wrong('PAYLOAD_ALTERED', segment);
    this.opened.push({ segment, fd, name: fdName(fd, segment.path), identity, isSame });
  }

  /**
   * Behind the query: a file that was touched meanwhile, or any if strict, is read once more. One that was written to may have been
   * put right again since. Throws PAYLOAD_ALTERED, PAYLOAD_TOUCHED, with --allow-unverified too: its rows are out, and don't say so.
   */
  again(): void {
    const { strict } = this.#job;
    for (const { segment, fd, identity, isSame } of this.opened) {
      if (!isSame) continue;
      const now = fileIdentity(fstatSync(fd, { bigint: true }));
      if (!strict && now === identity) continue;
      if (!this.#digest(segment, fd)) throw wrong('PAYLOAD_ALTERED', segment, ' while they were read');
      const isTouched = strict ? now !== identity : writtenOf(now) !== writtenOf(identity);
      if (isTouched)
        throw new AuditError(
          'PAYLOAD_TOUCHED',
          `the records of segment ${segment.segment} were touched while they were read: ${segment.path}`,
          { hint: 'ask again; sealed files are written once, so find out what touches them' },
        );
    }
  }

  close(): void {
    for (const { fd } of this.opened) closeSync(fd);
  }

  #check(segment: JobSegment, fd: number): { identity: string; isSame: boolean } {
    const at = Date.now();
    const { known, payload } = segment;
    const isYoung = known !== undefined && at - known.at < DIGEST_LIFE_MS && known.at <= at;
    const seen = fileIdentity(fstatSync(fd, { bigint: true }));
    if (!this.#job.strict && isYoung && known.identity === seen) return { identity: seen, isSame: true };
    settle(fd);
    const before = fstatSync(fd, { bigint: true });
    const identity = fileIdentity(before);
    const isSame = this.#digest(segment, fd);
    const isSettled = at - Number(before.ctimeNs / 1_000_000n) >= SETTLED_MS;
    const stayed = fileIdentity(fstatSync(fd, { bigint: true })) === identity;
    if (isSame && isSettled && stayed) this.checked.push({ sha256: payload!.sha256, identity, at });
    return { identity, isSame };
  }

  #digest({ payload }: JobSegment, fd: number): boolean {
    const running = createHash('sha256');
    const chunk = Buffer.allocUnsafe(1 << 20);
    let size = 0;
    for (let got = readSync(fd, chunk, 0, chunk.length, 0); got > 0;) {
      running.update(chunk.subarray(0, got));
      size += got;
      got = readSync(fd, chunk, 0, chunk.length, size);
    }
    this.bytes += size;
    return size === payload!.bytes && running.digest('hex') === payload!.sha256;
  }

  #wrong(code: 'PAYLOAD_ALTERED' | 'PAYLOAD_MISSING', segment: JobSegment): void {
    if (!this.#job.unverified) throw wrong(code, segment);
    const finding = `${code} segment ${segment.segment}`;
    if (!this.findings.includes(finding)) this.findings.push(finding);
  }
}

/**
 * Whoever has mapped a file changes its times with the first write to a page alone, until the page is on disk: so it is put there
 * first (50 us for a file that is), and the next write shows. Not where a file system keeps no times of mapped writes (tmpfs).
 */
function settle(fd: number): void {
  try {
    fdatasyncSync(fd);
  } catch {
    // A file system that can't, or is read-only: nothing is written there by way of it.
  }
}

/** Without the time of the last change of its name, mode or links. */
const writtenOf = (identity: string): string => identity.slice(0, identity.lastIndexOf(' '));

function wrong(
  code: 'PAYLOAD_ALTERED' | 'PAYLOAD_MISSING',
  { segment, path }: JobSegment,
  when = '',
): AuditError {
  const what = code === 'PAYLOAD_MISSING' ? 'are missing' : `are not those that were sealed${when}`;
  return new AuditError(code, `the records of segment ${segment} ${what}: ${path}`, {
    exit: 1,
    hint: 'run `slmaudit verify`: it lists all that was altered; --allow-unverified answers from what is there, and says so in every row',
  });
}
