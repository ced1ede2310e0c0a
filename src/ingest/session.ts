import { AuditError } from '../errors.ts';
import type { Policy } from '../log/policy.ts';
import type { Batch } from '../seal/batch.ts';
import { partsOf } from '../seal/parts.ts';
import { newestPolicy, policyAt } from '../seal/policy.ts';
import { Sealer } from '../seal/sealer.ts';
import { isCode } from '../store/durable.ts';
import type { Store } from '../store/store.ts';
import { newHeader } from '../store/open.ts';
import { Writer } from './writer.ts';

export interface SessionOptions {
  readonly sealRecords: number;
  readonly sealEveryMs: number;
  readonly heartbeatMs: number;
  readonly lockWaitMs: number;
}

/** No line waits longer than this for its fdatasync. */
const SYNC_BYTES = 8 << 20;
const SYNC_MS = 1000;

/** Batches that wait to be sealed while reading goes on, where they are small: a host that is busy for a moment stops nobody. */
const WAITING = { batches: 8, records: 100_000 };

/**
 * When an ingest's lines become durable and are sealed. Reading goes on while one batch is being sealed; a second
 * large one waits for it. The first failure is kept and stops the run: nothing is tried again (SPEC 8).
 */
export class Session {
  readonly writer: Writer;
  segments = 0;
  #newest: { readonly entry: number; readonly policy: Policy };
  readonly #store: Store;
  readonly #options: SessionOptions;
  readonly #progress: () => void;
  readonly #sealer = new Sealer();
  #syncing: Promise<void> = Promise.resolve();
  #sealing: Promise<void> = Promise.resolve();
  /** Being sealed, or waiting to be: the oldest first. */
  readonly #due: { readonly records: number; readonly done: Promise<void> }[] = [];
  #failure: unknown;
  #lastSync = performance.now();
  #lastSeal = performance.now();
  #clock: NodeJS.Timeout | undefined;

  constructor(store: Store, options: SessionOptions, progress: () => void) {
    this.#store = store;
    this.#options = options;
    this.#progress = progress;
    this.writer = new Writer(store);
    this.#newest = newestPolicy(store.at);
  }

  /** By which records get their class: as new as the last segment that this run has sealed. */
  get policy(): Policy {
    return this.#newest.policy;
  }

  /** For pipes, where the next line may be long in coming. */
  startClock(): void {
    this.#clock ??= setInterval(() => this.#tick(), 250);
  }

  stopClock(): void {
    clearInterval(this.#clock);
    this.#clock = undefined;
  }

  get isBehind(): boolean {
    return this.writer.pending > SYNC_BYTES || this.#isSealable;
  }

  /** Records and rejects that the open segment has room for. */
  get room(): number {
    return this.#options.sealRecords - this.writer.held;
  }

  get #isSealable(): boolean {
    return this.writer.held >= this.#options.sealRecords || this.writer.isFull;
  }

  /** Syncs and seals what is due; waits only where the disk or the sealing before is behind. */
  async keepUp(): Promise<void> {
    if (this.writer.pending > SYNC_BYTES) {
      await this.#syncing;
      this.#sync();
    }
    if (this.#isSealable) {
      while (this.#isFarBehind) await this.#due[0]!.done;
      // Of several sources another one may have sealed it meanwhile.
      if (this.#isSealable) this.#seal();
    }
  }

  get #isFarBehind(): boolean {
    const records = this.#due.reduce((sum, batch) => sum + batch.records, this.writer.held);
    return this.#due.length > 0 && (this.#due.length >= WAITING.batches || records > WAITING.records);
  }

  /** Throws what went wrong in the background. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (performance.now() - this.#lastSync > SYNC_MS) this.#sync();
  }

  /** Seals all that was read. */
  async flush(): Promise<void> {
    await this.#sealing;
    this.#seal();
    await this.#sealing;
    await this.#syncing;
    this.check();
  }

  async end(): Promise<void> {
    await this.flush();
    this.#progress();
  }

  /** What is being sealed is sealed to its end. */
  close(): void {
    this.stopClock();
    void this.#sealing.finally(() => this.#sealer.close());
  }

  #tick(): void {
    const now = performance.now();
    if (this.writer.pending > 0 && now - this.#lastSync > SYNC_MS) this.#sync();
    if (this.#due.length > 0) return;
    if (!this.writer.isEmpty && now - this.writer.began > this.#options.sealEveryMs) this.#seal();
    else if (
      this.writer.isEmpty &&
      this.#options.heartbeatMs > 0 &&
      now - this.#lastSeal > this.#options.heartbeatMs
    )
      this.#sealed(heartbeat(this.#store), 0);
  }

  #sync(): void {
    this.#lastSync = performance.now();
    this.#syncing = this.writer
      .sync()
      .then(() => this.#progress())
      .catch((error: unknown) => this.#fail(error));
  }

  #seal(): void {
    const records = this.writer.held;
    const batch = this.writer.rotate();
    if (batch) this.#sealed(batch, records);
  }

  #sealed(coming: Promise<Batch>, records: number): void {
    const before = this.#sealing;
    this.#sealing = Promise.all([coming, before])
      .then(([batch]) => {
        // Behind a segment that could not be sealed, none may be: the ranges of a file join in the log.
        if (this.#failure !== undefined) throw this.#failure;
        this.#progress();
        return this.#sealer.seal(this.#store, batch, { lockWaitMs: this.#options.lockWaitMs });
      })
      .then(committed => {
        this.segments += committed.length;
        const { policy } = committed.at(-1)!;
        if (policy !== this.#newest.entry) this.#newest = policyAt(this.#store.at, policy);
        this.#lastSeal = performance.now();
        this.#progress();
      })
      .catch((error: unknown) => this.#fail(error))
      .finally(() => void this.#due.shift());
    this.#due.push({ records, done: this.#sealing });
  }

  #fail(error: unknown): void {
    this.#failure ??= isCode(error, 'ENOSPC', 'EDQUOT') ? diskFull(this.#store, error) : error;
  }
}

/** A segment without records: it proves that the log was alive and nothing came. */
async function heartbeat(store: Store): Promise<Batch> {
  const nothing = { rejected: 0, lines: new Map(), damaged: 0, sources: [], retried: [] };
  return { path: '', header: newHeader(store), parts: partsOf(nothing, new Map()), unmarked: 0 };
}

function diskFull(store: Store, cause: unknown): AuditError {
  return new AuditError('DISK_FULL', `no space left for ${store.at.store}`, {
    hint: 'what was acknowledged is kept; make room, then run the same command again',
    cause,
  });
}
