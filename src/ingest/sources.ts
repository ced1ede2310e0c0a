import { randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { type Kept, refuseKept, sealLeftovers } from '../seal/seal.ts';
import { HeldFiles } from '../store/held.ts';
import type { RecordKey } from '../store/keys.ts';
import { isFrames, namesIn, openFile, openFolder, parseOpenName } from '../store/layout.ts';
import { type Lock, takeLock } from '../store/lock.ts';
import { isOwn, readHeader } from '../store/open.ts';
import type { Store } from '../store/store.ts';
import { findResume, type Identities, identitiesOf, type InputFile, type Resume } from './file.ts';
import type { Note } from './summary.ts';
import type { Writing } from './writer.ts';

/** A file of which no other ingest reads, and where to go on in it. */
export interface Claimed {
  readonly source: Writing;
  readonly resume: Resume;
  /** No more of it is read: another file may be taken for it. */
  readonly end: () => void;
  readonly release: () => void;
}

export interface SourcesOptions {
  readonly lockWaitMs: number;
  /** Where this host remembers what logs hold; nowhere if not given. */
  readonly known: string | undefined;
  readonly note: (note: Note) => void;
  /** Seals what has been read. */
  readonly flush: () => Promise<void>;
  readonly signal: AbortSignal;
}

/** Times of files are those of the file system's clock. */
const CLOCK_SLACK_MS = 2000;
/** How often, and how long, a file is looked at that is what another one is which is being read: the other one may have been copied and cut. */
const SAME = { everyMs: 500, times: 10 } as const;

/** Who reads what: every source of a run has its number here, every file its claim and the place to go on from. */
export class Sources {
  /** Records sealed that dead writers had left. */
  recovered = 0;
  readonly #store: Store;
  readonly #keys: readonly RecordKey[];
  readonly #options: SourcesOptions;
  readonly #held: HeldFiles;
  #count = 0;
  readonly #claims = new Map<string, { readonly lock: Lock; holders: number }>();
  /** Identities of files that are being read. */
  readonly #reading = new Set<string>();
  /** Open segments that were left alone, by batch. */
  readonly #kept = new Map<string, Kept>();

  constructor(store: Store, keys: readonly RecordKey[], options: SourcesOptions) {
    this.#store = store;
    this.#keys = keys;
    this.#options = options;
    this.#held = new HeldFiles(store, options.known);
  }

  /** Seals what dead writers left, so that what follows is known to be behind it. */
  async takeOver(): Promise<void> {
    const { lockWaitMs, note, known } = this.#options;
    const { sealed, kept, aside } = await sealLeftovers(this.#store, { lockWaitMs, take: false, known });
    for (const { path, reason } of aside) note({ code: 'set_aside', source: path, why: reason });
    this.recovered += sealed.reduce((sum, s) => sum + s.records, 0);
    for (const one of kept) {
      if (this.#kept.has(one.batch)) continue;
      this.#kept.set(one.batch, one);
      note({ code: one.why === 'other_host' ? 'other_host' : 'unreadable_open', source: one.path });
    }
  }

  pipe(name: string): Writing {
    return { name, stream: randomBytes(16).toString('hex'), kind: 'pipe', ordinal: this.#count++, at: 0 };
  }

  /** Undefined for an empty file, and where the run is stopped before it is known which one it is. Throws LOCKED, OPEN_ELSEWHERE, INPUT_UNREADABLE. */
  async file(file: InputFile, name: string): Promise<Claimed | undefined> {
    const identities = await identitiesOf(file, this.#keys);
    if (!identities) return undefined;
    // By the oldest key: an ingest that began before the newest was made claims it by that too.
    const release = await this.#claim(identities.at(-1)!.of(0), name);
    try {
      await this.takeOver();
      const resume = await this.#resume(file, identities);
      if (!resume) {
        release();
        return undefined;
      }
      const { identity, key, from, variant } = resume;
      const end = (): void => void this.#reading.delete(identity);
      try {
        refuseKept(this.#kept.values(), about => about.stream === identity, `lines of ${name}`);
      } catch (error) {
        end();
        throw error;
      }
      if (variant > 0 && from === 0) this.#options.note({ code: 'same_first_line', source: name });
      const source: Writing = {
        name,
        stream: identity,
        kind: 'file',
        digestKey: key,
        ordinal: this.#count++,
        at: from,
      };
      return { source, resume, end, release };
    } catch (error) {
      release();
      throw error;
    }
  }

  /**
   * Which file it is, and from where on. One that so far is what another one is which is being read may be that one's copy, which has been
   * cut; if that one is still read after a while, this is a file of its own that began the same: in one stream their lines would be mixed.
   */
  async #resume(file: InputFile, identities: readonly Identities[]): Promise<Resume | undefined> {
    for (let time = 0; !this.#options.signal.aborted; time++) {
      const isTaken = (identity: string): boolean => time >= SAME.times && this.#reading.has(identity);
      const found = await findResume(file, identities, of => this.held().rangesOf(of), isTaken);
      if (!this.#reading.has(found.identity)) {
        this.#reading.add(found.identity);
        return found;
      }
      await wait(SAME.everyMs);
      await this.#options.flush();
    }
    return undefined;
  }

  /** What the log holds of files now. */
  held(): HeldFiles {
    return this.#held.read();
  }

  /**
   * Since when the store knows a source of this name, milliseconds since 1970: the first commit of it, or what a dead writer
   * began, asked before that is taken over; else now.
   */
  followedSince(name: string): number {
    const first = this.held().since(name);
    const since = [Date.now(), ...(first === undefined ? [] : [Date.parse(first)])];
    for (const file of namesIn(openFolder(this.#store.at))) {
      const parts = parseOpenName(file);
      if (!parts || !isFrames(parts.form)) continue;
      const header = readHeader(openFile(this.#store.at, parts.batch, parts.form));
      const isOurs = typeof header === 'object' && isOwn(header, this.#keys) !== false;
      if (isOurs) since.push(Date.parse(header.at));
    }
    return Math.min(...since) - CLOCK_SLACK_MS;
  }

  close(): void {
    for (const { lock } of this.#claims.values()) lock.release();
    this.#claims.clear();
    this.#held.remember();
  }

  /** Held until the file's lines are committed: two ingests of one file would hold its lines twice. */
  async #claim(identity: string, name: string): Promise<() => void> {
    const known = this.#claims.get(identity);
    if (known) {
      known.holders++;
      await this.#options.flush();
    } else {
      const path = `${openFolder(this.#store.at)}/${identity}.claim`;
      this.#claims.set(identity, { lock: await takeLock(path, 0, name), holders: 1 });
    }
    return () => {
      const claim = this.#claims.get(identity);
      if (!claim || --claim.holders > 0) return;
      this.#claims.delete(identity);
      claim.lock.release();
    };
  }
}
