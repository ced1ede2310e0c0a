import { createHash, type Hash } from 'node:crypto';
import { hmacSha256 } from '../keys/hash.ts';
import { formatLine } from '../log/line.ts';
import type { SourceRange } from '../log/segment.ts';
import { emptyTally, type Tally } from '../log/tally.ts';
import { HASH_BYTES } from '../merkle/tree.ts';
import type { Batch } from '../seal/batch.ts';
import { partsOf, Share } from '../seal/parts.ts';
import { markFrame, type OpenSource, sourceFrame } from '../store/frame.ts';
import { openFile } from '../store/layout.ts';
import { createOpenSegment, newHeader, type OpenSegment } from '../store/open.ts';
import type { Store } from '../store/store.ts';
import { type Digested, FATES, LINE } from './digest.ts';

/** A source that is being written; `at` is how far its lines are in the open segment. */
export interface Writing {
  readonly name: string;
  readonly stream: string;
  readonly kind: 'file' | 'pipe';
  /** Of a file: what the digests of its ranges are made with. */
  readonly digestKey?: Uint8Array;
  /** Its number in every frame of this run. */
  readonly ordinal: number;
  at: number;
}

/** What the open segment holds of one source. */
interface Stretch {
  readonly about: OpenSource;
  readonly index: number;
  readonly digestKey: Uint8Array | undefined;
  /** SHA-256 of the bytes from..to, running. */
  readonly hash: Hash;
  to: number;
  readonly tally: Record<keyof Tally, number>;
  /** Lines read when it was marked last; -1: never. What was gathered before has no line of its own. */
  marked: number;
}

/** Bytes of source lines a manifest may hold, of the 65,535 of an entry. */
const MAX_SOURCE_LINES = 48_000;

/**
 * The open segment of one ingest: lines go in, batches come out. Every line of a source is counted here, so that
 * what the manifest says about a range is what went through.
 */
export class Writer {
  readonly #store: Store;
  #open: OpenSegment | undefined;
  /** By class. */
  #shares = new Map<string, Share>();
  #records = 0;
  #rejected = 0;
  /** By stream. */
  #stretches = new Map<string, Stretch>();
  #sourceBytes = 0;
  /** Lines given so far, and those of them that are on disk for good. */
  #given = 0;
  acknowledged = 0;
  /** Of each source, the lines given that lie in memory only: parts of a request that is still to come. */
  readonly #waiting = new Map<string, number>();
  began = 0;

  constructor(store: Store) {
    this.#store = store;
  }

  /**
   * Takes lines from number `first` of `digested` on, until `room` records and rejects are in or the lines are over; returns the
   * number of the line to go on with. `bytes`: do the lines' own bytes belong to the digest of their range?
   */
  append(source: Writing, digested: Digested, first: number, room: number, bytes = true): number {
    const stretch = this.#stretch(source);
    const { kinds, counts, leaves, times, ends, frameEnds, frames, classes } = digested;
    const shares = digested.classNames.map(name => this.#share(name));
    const held = shares.map(() => 0);
    const from = {
      frame: first === 0 ? 0 : frameEnds[first - 1]!,
      source: first === 0 ? digested.start : ends[first - 1]!,
    };
    let line = first;
    let record = 0;
    let read = 0;
    for (let before = 0; before < first; before++) record += counts[before]!;
    for (let left = room; line < kinds.length && left > 0; line++) {
      const kind = kinds[line]!;
      if (kind !== LINE.more) read++;
      if (kind === LINE.reject) this.#rejected++;
      const fate = FATES[kind];
      if (fate) stretch.tally[fate]++;
      const records = counts[line]!;
      this.#records += records;
      left -= records + (kind === LINE.reject ? 1 : 0);
      for (const last = record + records; record < last; record++) {
        const place = classes[record]!;
        shares[place]!.add(leaves, record * HASH_BYTES, times[record]!);
        held[place]!++;
      }
    }
    for (const [place, share] of shares.entries())
      if (held[place]! > 0) share.count(stretch.index, held[place]!);
    if (line === first) return line;
    const end = ends[line - 1]!;
    this.#open!.add(frames.subarray(from.frame, frameEnds[line - 1]));
    if (bytes && source.kind === 'file') {
      stretch.hash.update(digested.bytes.subarray(from.source - digested.start, end - digested.start));
    }
    source.at = end;
    stretch.to = end;
    stretch.tally.read += read;
    this.#given += read;
    if (line === kinds.length) this.#waiting.set(source.stream, digested.waiting);
    return line;
  }

  /** Bytes of a line that was too long to be held, for the digest of its range. */
  async hashBytes(source: Writing, bytes: AsyncIterable<Uint8Array>): Promise<void> {
    const { hash } = this.#stretch(source);
    for await (const part of bytes) hash.update(part);
  }

  /** Records and rejects of the open segment. */
  get held(): number {
    return this.#records + this.#rejected;
  }

  /** Lines given whose fate is written. */
  get #settled(): number {
    let waiting = 0;
    for (const lines of this.#waiting.values()) waiting += lines;
    return this.#given - waiting;
  }

  get pending(): number {
    return this.#open?.pending() ?? 0;
  }

  /** Is there room for another source in the manifest? */
  get isFull(): boolean {
    return this.#sourceBytes > MAX_SOURCE_LINES;
  }

  get isEmpty(): boolean {
    return this.#stretches.size === 0;
  }

  /** Makes all lines so far durable, and only then counts them as acknowledged. */
  async sync(): Promise<void> {
    const open = this.#open;
    if (!open) return;
    this.#mark();
    if (open.pending() === 0) return;
    const given = this.#settled;
    await open.sync();
    this.acknowledged = Math.max(this.acknowledged, given);
  }

  /**
   * Begins anew and returns what was gathered so far, once it is durable. The exchange itself happens at once, so
   * lines that come meanwhile go to the next segment. Undefined if there is nothing.
   */
  rotate(): Promise<Batch> | undefined {
    const open = this.#open;
    if (!open) return undefined;
    this.#mark();
    const given = this.#settled;
    const durable = open.sync();
    const batch = this.#batch(open);
    this.#open = undefined;
    this.#shares = new Map();
    this.#records = 0;
    this.#rejected = 0;
    this.#stretches = new Map();
    this.#sourceBytes = 0;
    return durable.then(() => {
      this.acknowledged = Math.max(this.acknowledged, given);
      open.close();
      return batch;
    });
  }

  #batch(open: OpenSegment): Batch {
    const stretches = [...this.#stretches.values()];
    const whole = {
      rejected: this.#rejected,
      lines: new Map(stretches.map(s => [s.index, { source: s.about.name, ...s.tally }])),
      damaged: 0,
      sources: stretches.flatMap(s => rangeOf(s)),
      retried: [],
    };
    return { path: open.path, header: open.header, parts: partsOf(whole, this.#shares), unmarked: 0 };
  }

  /** A mark behind each source's last line: recovery keeps a file's lines up to there. */
  #mark(): void {
    for (const stretch of this.#stretches.values()) {
      const { read, blank, not_a_request, part } = stretch.tally;
      if (stretch.marked === read) continue;
      stretch.marked = read;
      const digest = stretch.digestKey ? { digest: rangeDigest(stretch.digestKey, stretch.hash) } : {};
      this.#open!.add(markFrame(stretch.index, stretch.to, { read, blank, not_a_request, part, ...digest }));
    }
  }

  #share(name: string): Share {
    const known = this.#shares.get(name);
    if (known) return known;
    const share = new Share();
    this.#shares.set(name, share);
    return share;
  }

  #stretch(source: Writing): Stretch {
    const known = this.#stretches.get(source.stream);
    if (known) return known;
    this.#open ??= this.#begin();
    const about: OpenSource = {
      name: source.name,
      stream: source.stream,
      kind: source.kind,
      from: source.at,
    };
    const stretch: Stretch = {
      about,
      index: source.ordinal,
      digestKey: source.digestKey,
      hash: createHash('sha256'),
      to: source.at,
      tally: emptyTally(),
      marked: -1,
    };
    this.#stretches.set(source.stream, stretch);
    this.#open.add(sourceFrame(stretch.index, about));
    this.#sourceBytes += formatLine({ key: 'lines', values: [about.name] }).length + 60;
    if (about.kind === 'file')
      this.#sourceBytes += formatLine({ key: 'source', values: [about.name, about.stream] }).length + 110;
    return stretch;
  }

  #begin(): OpenSegment {
    this.began = performance.now();
    const header = newHeader(this.#store);
    return createOpenSegment(openFile(this.#store.at, header.batch, 'open'), header);
  }
}

function rangeOf({ about, to, hash, digestKey }: Stretch): SourceRange[] {
  if (!digestKey) return [];
  const { name, stream, from } = about;
  return [{ name, identity: stream, from, to, digest: rangeDigest(digestKey, hash) }];
}

/** Of the bytes a running hash has seen: keyed, since a plain one of a short range would tell its content. */
export function rangeDigest(recordKey: Uint8Array, running: Hash): string {
  return hmacSha256(recordKey, Buffer.from('slmaudit/source/v1'), running.copy().digest()).toString('hex');
}
