import { createHash, hash } from 'node:crypto';
import { closeSync, fdatasyncSync, fstatSync, readSync } from 'node:fs';
import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { AuditError } from '../errors.ts';
import { formatRanges, numbersOf, rangesOf } from '../log/ranges.ts';
import { microsOf } from '../record/time.ts';
import { isCode, isUnwritable, makeFolder, openToRead, readWhole, replaceFile } from '../store/durable.ts';
import { DIGEST_LIFE_MS, fileIdentity, SETTLED_MS } from '../store/identity.ts';
import { fdName } from './engine.ts';
import { FILTERED, filterHas, makeFilter } from './filter.ts';
import type { Checked, JobFile, LeftOut, Plan, Reads } from './job.ts';
import { asksFor, mayHold, type Needs } from './needs.ts';
import { contentOf } from './payload.ts';

/** A payload whose bytes were seen to be those that were sealed, and the name under which the engine reads them. */
export interface Opened {
  readonly file: JobFile;
  readonly fd: number;
  readonly name: string;
  /** As it was when its bytes were read. */
  readonly identity: string;
  /** Were its bytes those that were sealed? */
  readonly isSame: boolean;
}

export interface Chosen {
  readonly read: readonly JobFile[];
  readonly leftOut: Plan['leftOut'];
}

/** The files that can hold a record that is needed. */
export function choose({ files, filters }: Reads, needs: Needs): Chosen {
  const read: JobFile[] = [];
  const leftOut: Plan['leftOut'][number][] = [];
  const byValue = asksFor(needs, FILTERED);
  for (const file of files) {
    const span = { from: microsOf(file.span.from), to: microsOf(file.span.to) };
    if (!mayHold(needs, span, () => true)) {
      leftOut.push(...all(file, 'outside'));
      continue;
    }
    const filter = byValue ? filterOf(file, filters) : undefined;
    const has = (column: string, value: string): boolean =>
      !filter || !FILTERED.includes(column) || filterHas(filter, column, value);
    if (!mayHold(needs, span, has)) leftOut.push(...all(file, 'without'));
    else read.push(file);
  }
  return { read, leftOut };
}

/** The segments of a file, and why they are left out. */
export const all = ({ segments }: JobFile, why: LeftOut): Plan['leftOut'] =>
  segments.map(({ segment }) => ({ segment, why }));

const filterPath = (folder: string, sha256: string): string => join(folder, `${sha256}.filter`);

/** Undefined where there is none, or another one than was made. */
function filterOf({ sha256, known }: JobFile, folder: string | undefined): Buffer | undefined {
  if (folder === undefined || known?.filter === undefined) return undefined;
  const bits = quietly(() => readWhole(filterPath(folder, sha256), 1 << 26));
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
  for (const { file, name } of opened) {
    if (performance.now() > until) break;
    if (file.known?.filter !== undefined) continue;
    const bits = await makeFilter(db, name);
    const path = filterPath(folder, file.sha256);
    const written = quietly(() => {
      makeFolder(folder, 0o700);
      replaceFile(path, bits, 0o600);
      return true;
    });
    if (!written) break;
    made.push({ sha256: file.sha256, filter: hash('sha256', bits) });
  }
  return made;
}

function quietly<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof AuditError || isUnwritable(error)) return undefined;
    throw error;
  }
}

/** Payloads, opened and checked; what is wrong with one is thrown, or noted if the query is to go on all the same. */
export class Reading {
  readonly opened: Opened[] = [];
  readonly checked: Checked[] = [];
  readonly findings: string[];
  /** That were not there. */
  readonly missing: JobFile[] = [];
  bytes = 0;
  readonly #job: Reads;

  constructor(job: Reads) {
    this.#job = job;
    this.findings = [...job.findings];
  }

  /** Throws PAYLOAD_ALTERED or PAYLOAD_MISSING (exit 1): nothing is read from what isn't what was sealed; TOO_MANY_FILES. */
  open(file: JobFile): void {
    let fd: number;
    try {
      fd = openToRead(file.path);
    } catch (error) {
      if (isCode(error, 'EMFILE', 'ENFILE')) throw tooMany(this.opened.length);
      if (!isCode(error, 'ENOENT', 'ELOOP', 'ENOTDIR')) throw error;
      this.#wrong('PAYLOAD_MISSING', file);
      this.missing.push(file);
      return;
    }
    if (!fstatSync(fd).isFile()) {
      // A pipe or a folder in its place: nothing that could be read, verified or not.
      closeSync(fd);
      this.#wrong('PAYLOAD_ALTERED', file);
      this.missing.push(file);
      return;
    }
    const { identity, isSame } = this.#check(file, fd);
    if (!isSame) this.#wrong('PAYLOAD_ALTERED', file);
    this.opened.push({ file, fd, name: fdName(fd, file.path), identity, isSame });
  }

  /**
   * Of files that were restated: their digests were signed by a later key, so their rows must make the roots of the manifests
   * (SPEC 5). That they do is remembered by digest and what they were compared with. Throws PAYLOAD_ALTERED.
   */
  async prove(db: DuckDBConnection): Promise<void> {
    for (const [i, opened] of this.opened.entries()) {
      if (!opened.file.isRestated || !opened.isSame || (await this.#isProved(db, opened))) continue;
      this.#wrong('PAYLOAD_ALTERED', opened.file);
      this.opened[i] = { ...opened, isSame: false };
    }
  }

  async #isProved(db: DuckDBConnection, { file, name }: Opened): Promise<boolean> {
    const proved = hash('sha256', JSON.stringify(file.segments));
    if (!this.#job.strict && file.known?.proved === proved) return true;
    const { parts, problems } = await contentOf(
      db,
      name,
      file.segments.map(s => s.records),
    );
    const isSame =
      problems.length === 0 &&
      file.segments.every(({ root, records, redacted }, i) => {
        const part = parts[i];
        if (part?.rows !== records || part.root.toString('hex') !== root) return false;
        const rows = [...numbersOf(redacted ?? [])].toSorted((a, b) => a - b);
        return part.redacted.join() === rows.join();
      });
    if (isSame) this.checked.push({ sha256: file.sha256, proved });
    return isSame;
  }

  /**
   * Behind the query: a file that was touched meanwhile, or any if strict, is read once more. One that was written to may have been
   * put right again since. Throws PAYLOAD_ALTERED, PAYLOAD_TOUCHED, with --allow-unverified too: its rows are out, and don't say so.
   */
  again(): void {
    const { strict } = this.#job;
    for (const { file, fd, identity, isSame } of this.opened) {
      if (!isSame) continue;
      const now = fileIdentity(fstatSync(fd, { bigint: true }));
      if (!strict && now === identity) continue;
      if (!this.#digest(file, fd)) throw wrong('PAYLOAD_ALTERED', file, ' while they were read');
      const isTouched = strict ? now !== identity : writtenOf(now) !== writtenOf(identity);
      if (isTouched)
        throw new AuditError(
          'PAYLOAD_TOUCHED',
          `the records of ${named(file)} were touched while they were read: ${file.path}`,
          { hint: 'ask again; sealed files are written once, so find out what touches them' },
        );
    }
  }

  close(): void {
    for (const { fd } of this.opened) closeSync(fd);
  }

  #check(file: JobFile, fd: number): { identity: string; isSame: boolean } {
    const at = Date.now();
    const { known, sha256 } = file;
    const isYoung = known !== undefined && at - known.at < DIGEST_LIFE_MS && known.at <= at;
    const seen = fileIdentity(fstatSync(fd, { bigint: true }));
    if (!this.#job.strict && isYoung && known.identity === seen) return { identity: seen, isSame: true };
    settle(fd);
    const before = fstatSync(fd, { bigint: true });
    const identity = fileIdentity(before);
    const isSame = this.#digest(file, fd);
    const isSettled = at - Number(before.ctimeNs / 1_000_000n) >= SETTLED_MS;
    const stayed = fileIdentity(fstatSync(fd, { bigint: true })) === identity;
    if (isSame && isSettled && stayed) this.checked.push({ sha256, identity, at });
    return { identity, isSame };
  }

  #digest({ sha256, bytes }: JobFile, fd: number): boolean {
    const running = createHash('sha256');
    const chunk = Buffer.allocUnsafe(1 << 20);
    let size = 0;
    for (let got = readSync(fd, chunk, 0, chunk.length, 0); got > 0 && size <= bytes;) {
      running.update(chunk.subarray(0, got));
      size += got;
      got = readSync(fd, chunk, 0, chunk.length, size);
    }
    this.bytes += size;
    return size === bytes && running.digest('hex') === sha256;
  }

  #wrong(code: 'PAYLOAD_ALTERED' | 'PAYLOAD_MISSING', file: JobFile): void {
    if (!this.#job.unverified) throw wrong(code, file);
    const finding = `${code} ${named(file)}`;
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

function wrong(code: 'PAYLOAD_ALTERED' | 'PAYLOAD_MISSING', file: JobFile, when = ''): AuditError {
  const what = code === 'PAYLOAD_MISSING' ? 'are missing' : `are not those that were sealed${when}`;
  return new AuditError(code, `the records of ${named(file)} ${what}: ${file.path}`, {
    exit: 1,
    hint: 'run `slmaudit verify`: it lists all that was altered; --allow-unverified answers from what is there, and says so in every row',
  });
}

const tooMany = (files: number): AuditError =>
  new AuditError('TOO_MANY_FILES', `more than ${files} files of records would have to be open at once`, {
    hint: 'run `slmaudit compact`, which joins the files of days that are over; or ask for less with --since and --until; or raise `ulimit -n`',
  });

/** `segment 7`, `segments 7-9,12`. */
function named({ segments }: JobFile): string {
  const ranges = formatRanges(rangesOf(segments.map(s => s.segment)));
  return segments.length === 1 ? `segment ${ranges}` : `segments ${ranges.slice(0, 60)}`;
}
