import { hash } from 'node:crypto';
import { createMac } from '../keys/hash.ts';
import { MOST_KEPT } from '../keys/quarantine.ts';
import { classOf, type Policy } from '../log/policy.ts';
import { formatRanges, rangesOf } from '../log/ranges.ts';
import { type Privacy, withRetried } from '../normalize/extra.ts';
import { type FormatChoice, formatOf } from '../normalize/formats.ts';
import { createNormalizer, type Normalizer } from '../normalize/normalize.ts';
import { canonicalLine } from '../record/canonical.ts';
import type { AuditRecord } from '../record/schema.ts';
import { microsOf } from '../record/time.ts';
import { newestPolicy } from '../seal/policy.ts';
import { refuseKept, sealLeftovers, sealOpen } from '../seal/seal.ts';
import { markFrame, type OpenSource, recordFrame, sourceFrame } from '../store/frame.ts';
import type { SealedSegment } from '../log/inventory.ts';
import { readHistory } from '../store/history.ts';
import { type RecordKey, readRecordKeys } from '../store/keys.ts';
import { makeOpenFolder, openFile, openFolder } from '../store/layout.ts';
import { takeLock } from '../store/lock.ts';
import { createOpenSegment, newHeader, type OpenSegment } from '../store/open.ts';
import { localPin, type Store } from '../store/store.ts';
import {
  isMeant,
  mayHold,
  type Meant,
  noSuchLine,
  parseRejectedId,
  retriedLines,
  type SealedLine,
  sealedLines,
} from './quarantine.ts';

export interface RetryOptions extends Meant {
  /** These lines only. */
  readonly ids: readonly string[];
  /** Told from each line if not given. */
  readonly format?: FormatChoice;
  readonly zone?: string;
  readonly privacy: Privacy;
  readonly dryRun: boolean;
  readonly lockWaitMs: number;
}

export interface Retry {
  /** Lines looked at, and those of them that are records now. */
  readonly lines: number;
  readonly retried: number;
  readonly records: number;
  readonly segments: number;
  /** Why the others stay; `not_whole`: only their first 64 KiB were kept. */
  readonly left: Readonly<Record<string, number>>;
}

/** Of one manifest: ranges of retried lines, and records. */
const MOST_RANGES = 1500;
const MOST_RECORDS = 200_000;

/** Two retries at once would read a line twice. */
const CLAIM = hash('sha256', 'slmaudit/quarantine/retry').slice(0, 32);

/**
 * Reads rejected lines again, and seals what can be read now. Each record says which line it came from, and its
 * manifest which lines were read, so that none is read twice. Throws NO_SUCH_LINE, LOCKED, OPEN_ELSEWHERE, KEY_MISSING
 * and what reading the quarantine throws.
 */
export async function retry(store: Store, options: RetryOptions): Promise<Retry> {
  const keys = readRecordKeys(store.keys);
  makeOpenFolder(store.at);
  const lock = await takeLock(`${openFolder(store.at)}/${CLAIM}.claim`, 0, 'the quarantine');
  try {
    // What a retry that died has read is sealed first: it counts as read.
    if (!options.dryRun) await takeOver(store, options.lockWaitMs);
    const run = new Run(store, keys, options);
    for (const [segment, lines] of chosen(store, options)) await run.segment(segment, lines);
    await run.seal();
    return run.done();
  } finally {
    lock.release();
  }
}

async function takeOver(store: Store, lockWaitMs: number): Promise<void> {
  const { kept } = await sealLeftovers(store, { lockWaitMs, take: false });
  refuseKept(kept, about => about.kind === 'quarantine', 'retried lines');
}

/** The lines to read, by segment. */
function* chosen(
  store: Store,
  { ids, ...meant }: RetryOptions,
): Generator<readonly [SealedSegment, SealedLine[]]> {
  const { segments, inventory } = readHistory(store.at, localPin(store));
  const retried = retriedLines(segments);
  const wanted = new Set(ids);
  const numbers = new Set(ids.map(id => parseRejectedId(id)?.segment));
  for (const segment of segments) {
    if (!inventory.hasRejected(segment) || (ids.length > 0 && !numbers.has(segment.segment))) continue;
    // Those that are named are looked for all the same: a name that is none is an error.
    if (ids.length === 0 && !mayHold(segment, meant)) continue;
    const lines = [...sealedLines(store, segment, retried)].filter(({ about }) => {
      const isWanted = ids.length === 0 || wanted.delete(about.id);
      return isWanted && mayHold(segment, meant) && isMeant(about, meant) && about.retried === undefined;
    });
    if (lines.length > 0) yield [segment, lines];
  }
  for (const id of wanted) throw noSuchLine(id);
}

class Run {
  readonly #store: Store;
  readonly #keys: readonly RecordKey[];
  readonly #options: RetryOptions;
  readonly #policy: Policy;
  readonly #left: Record<string, number> = {};
  #lines = 0;
  #retried = 0;
  #records = 0;
  #segments = 0;
  #open: OpenSegment | undefined;
  #sources = 0;
  #held = { ranges: 0, records: 0 };

  constructor(store: Store, keys: readonly RecordKey[], options: RetryOptions) {
    this.#store = store;
    this.#keys = keys;
    this.#options = options;
    this.#policy = newestPolicy(store.at).policy;
  }

  /** Each source by itself: requests may be spread over its lines. */
  async segment(segment: SealedSegment, lines: readonly SealedLine[]): Promise<void> {
    const bySource = new Map<string, SealedLine[]>();
    for (const line of lines) {
      const known = bySource.get(line.about.source);
      if (known) known.push(line);
      else bySource.set(line.about.source, [line]);
    }
    for (const [name, own] of bySource) {
      for (let from = 0; from < own.length; from += MOST_RANGES) {
        if (this.#held.ranges >= MOST_RANGES || this.#held.records >= MOST_RECORDS) await this.seal();
        this.#source(segment, name, own.slice(from, from + MOST_RANGES));
      }
    }
  }

  #source(segment: SealedSegment, name: string, lines: readonly SealedLine[]): void {
    const about: OpenSource = {
      name,
      stream: streamOf(segment, name),
      kind: 'quarantine',
      from: 0,
      segment: segment.segment,
    };
    const normalizer = this.#normalizer(about, segment.at);
    const found: { readonly n: number; readonly record: AuditRecord }[] = [];
    const retried = new Set<number>();
    const parts = new Set<number>();
    let last = 0;
    for (const { about: line, open } of lines) {
      this.#lines++;
      if (line.length > MOST_KEPT) {
        this.#leave('not_whole');
        continue;
      }
      last = parseRejectedId(line.id)!.n;
      const outcome = normalizer.line(open(this.#keys), line.offset);
      if ('records' in outcome && outcome.reject === undefined) {
        for (const record of outcome.records) found.push({ n: last, record });
        retried.add(last);
      } else if ('skip' in outcome && outcome.skip === 'part') parts.add(last);
      else this.#leave('skip' in outcome ? outcome.skip : outcome.reject!);
    }
    const { records } = normalizer.rest('all');
    for (const record of records) found.push({ n: last, record });
    for (const n of parts) retried.add(n);
    this.#retried += retried.size;
    this.#records += found.length;
    if (found.length > 0) this.#write(about, found, retried);
  }

  #write(
    about: OpenSource,
    found: readonly { readonly n: number; readonly record: AuditRecord }[],
    retried: ReadonlySet<number>,
  ): void {
    if (this.#options.dryRun) return;
    const header = newHeader(this.#store);
    const open = (this.#open ??= createOpenSegment(openFile(this.#store.at, header.batch, 'open'), header));
    const index = this.#sources++;
    open.add(sourceFrame(index, about));
    for (const { n, record } of found) {
      const line = canonicalLine({ ...record, extra: withRetried(record.extra, `${about.segment!}.${n}`) });
      open.add(recordFrame(index, n, line, classOf(this.#policy, record)));
    }
    const ranges = rangesOf(retried);
    const counts = { read: 0, blank: 0, not_a_request: 0, part: 0 };
    open.add(markFrame(index, Math.max(...retried), { ...counts, retried: formatRanges(ranges) }));
    this.#held.records += found.length;
    this.#held.ranges += ranges.length;
  }

  #normalizer(about: OpenSource, at: string): Normalizer {
    const { format, zone, privacy } = this.#options;
    const { key, id } = this.#keys[0]!;
    return createNormalizer({
      mac: createMac(key),
      hashAlg: `hmac-sha256:${id}:c1`,
      sourceId: about.name,
      stream: about.stream,
      privacy,
      times: { now: microsOf(at), ...(zone !== undefined && { zone }) },
      ...(format && { format: formatOf(format) }),
    });
  }

  #leave(reason: string): void {
    this.#left[reason] = (this.#left[reason] ?? 0) + 1;
  }

  async seal(): Promise<void> {
    const open = this.#open;
    if (!open) return;
    await open.sync();
    open.close();
    this.#open = undefined;
    this.#sources = 0;
    this.#held = { ranges: 0, records: 0 };
    this.#segments += (await sealOpen(this.#store, open.header.batch, this.#options)).length;
  }

  done(): Retry {
    return {
      lines: this.#lines,
      retried: this.#retried,
      records: this.#records,
      segments: this.#segments,
      left: this.#left,
    };
  }
}

/** Part of the event ids of what a segment's quarantine is read as, whenever that happens. */
const streamOf = ({ batch }: SealedSegment, source: string): string =>
  hash('sha256', `slmaudit/quarantine/v1\0${batch}\0${source}`).slice(0, 32);
