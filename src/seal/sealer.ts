import { once } from 'node:events';
import { statSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { asError } from '../errors.ts';
import type { Store } from '../store/store.ts';
import type { Batch } from './batch.ts';
import type { Committed } from './commit.ts';
import { type SealOptions, sealBatch } from './seal.ts';
import type { SealAnswer, SealTask } from './thread.ts';

/** Frames of so many bytes are sealed within a tenth of a second; a thread costs 150 ms and 40 MB to begin. */
const WORTH_THREAD = 8 << 20;

/**
 * Seals one batch after the other, on a thread once there was a large one: to read back what was written takes a hash of every line,
 * and a commit waits for the disk twenty times (strace), while lines come in here.
 */
export class Sealer {
  #thread: Worker | undefined;

  /** As sealBatch(). */
  async seal(store: Store, batch: Batch, options: SealOptions): Promise<Committed[]> {
    // A heartbeat has no frames.
    const bytes = statSync(batch.path, { throwIfNoEntry: false })?.size ?? 0;
    if (bytes < WORTH_THREAD && !this.#thread) return sealBatch(store, batch, options);
    const thread = (this.#thread ??= this.#begin());
    const task: SealTask = { store, batch, options };
    thread.ref();
    thread.postMessage(task);
    // Rejects where the thread itself fails.
    const [{ committed, error }] = (await once(thread, 'message')) as [SealAnswer];
    thread.unref();
    if (committed) return committed;
    throw asError(error!);
  }

  /** Only while nothing is being sealed. */
  close(): void {
    void this.#thread?.terminate();
    this.#thread = undefined;
  }

  #begin(): Worker {
    const thread = new Worker(new URL('./thread.js', import.meta.url));
    thread.on('error', () => (this.#thread = undefined));
    return thread;
  }
}
