import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { Policy } from '../log/policy.ts';
import type { Digested, Digester, Digestible, DigestOptions } from './digest.ts';

export interface WorkerTask {
  readonly id: number;
  readonly options: DigestOptions;
  /** May be another one with every block. */
  readonly policy: Policy;
  readonly block: Digestible;
}

export interface WorkerAnswer {
  readonly id: number;
  readonly digested: Omit<Digested, 'bytes'>;
}

/** Input below this is digested here: threads cost 50 ms and 40 MB each to begin. */
const WORTH_THREADS = 4 << 20;
const MOST = 4;

/**
 * Digests blocks, here at first and on threads once there is much to do: 12 µs a flat line is what one core takes, 20 another. A
 * block's result is the same wherever it is made.
 */
export class Pool {
  #workers: { readonly worker: Worker; tasks: number }[] = [];
  readonly #waiting = new Map<
    number,
    { resolve: (d: Digested) => void; reject: (e: unknown) => void; bytes: Uint8Array }
  >();
  #seen = 0;
  #next = 0;

  /** Blocks that can be on their way without one thread being idle. */
  get depth(): number {
    return this.#workers.length + 2;
  }

  /** At once, or as a promise from a thread. */
  digest(
    options: DigestOptions,
    digester: Digester,
    policy: Policy,
    block: Digestible,
  ): Digested | Promise<Digested> {
    this.#seen += block.bytes.length;
    if (this.#seen < WORTH_THREADS || availableParallelism() < 2) return digester.lines(block);
    if (this.#workers.length === 0) this.#begin();
    const id = this.#next++;
    const least = this.#workers.reduce((a, b) => (b.tasks < a.tasks ? b : a));
    least.tasks++;
    const task: WorkerTask = { id, options, policy, block };
    least.worker.postMessage(task);
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject, bytes: block.bytes }));
  }

  async close(): Promise<void> {
    const workers = this.#workers;
    this.#workers = [];
    await Promise.all(workers.map(w => w.worker.terminate()));
  }

  #begin(): void {
    for (let i = 0; i < Math.min(MOST, availableParallelism()); i++) {
      const worker = new Worker(new URL('./worker.js', import.meta.url), {
        resourceLimits: { maxYoungGenerationSizeMb: 32 },
      });
      const entry = { worker, tasks: 0 };
      worker.on('message', ({ id, digested }: WorkerAnswer) => {
        entry.tasks--;
        const waiting = this.#waiting.get(id);
        this.#waiting.delete(id);
        waiting?.resolve({ ...digested, bytes: waiting.bytes });
      });
      worker.on('error', error => {
        for (const { reject } of this.#waiting.values()) reject(error);
        this.#waiting.clear();
      });
      this.#workers.push(entry);
    }
  }
}
