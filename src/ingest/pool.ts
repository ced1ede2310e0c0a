import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { Policy } from '../log/policy.ts';
import { type Digested, type Digester, type Digestible, type DigestOptions, framesRoom } from './digest.ts';

export interface WorkerTask {
  readonly id: number;
  readonly options: DigestOptions;
  /** May be another one with every block. */
  readonly policy: Policy;
  /** In shared memory. */
  readonly block: Digestible;
}

export interface WorkerAnswer {
  readonly id: number;
  readonly digested: Omit<Digested, 'bytes'>;
}

/** Input below this is digested here: threads cost 50 ms and 40 MB each to begin. */
const WORTH_THREADS = 4 << 20;
const MOST = 4;
const SLOT = 1 << 20;

/** Memory that this and a thread see: a block's lines go there and its frames come back without a copy, or garbage. */
interface Slot {
  readonly bytes: Uint8Array;
  readonly room: Uint8Array;
}

interface Waiting {
  readonly resolve: (d: Digested) => void;
  readonly reject: (e: unknown) => void;
  readonly bytes: Uint8Array;
  readonly slot: Slot;
}

/**
 * Digests blocks, here at first and on threads once there is much to do: 10 µs a flat line is what one core takes, 20 another. A
 * block's result is the same wherever it is made.
 */
export class Pool {
  #workers: { readonly worker: Worker; tasks: number; isOnline: boolean }[] = [];
  readonly #waiting = new Map<number, Waiting>();
  readonly #slots = new WeakMap<Digested, Slot>();
  readonly #free: Slot[] = [];
  #seen = 0;
  #next = 0;
  /** What a thread has ended with: it answers nothing any more, and the run is over. */
  #fault: Error | undefined;

  /** Blocks that can be on their way without one thread being idle. */
  get depth(): number {
    return this.#workers.length + 2;
  }

  /** At once, or as a promise from a thread; the block's own memory is free for others behind the call, if that is a promise. */
  digest(
    options: DigestOptions,
    digester: Digester,
    policy: Policy,
    block: Digestible,
  ): Digested | Promise<Digested> {
    if (this.#fault) throw this.#fault;
    this.#seen += block.bytes.length;
    if (this.#seen < WORTH_THREADS || availableParallelism() < 2) return digester.lines(block);
    if (this.#workers.length === 0) this.#begin();
    // They take 50 ms and more to begin: nobody waits for that.
    const online = this.#workers.filter(w => w.isOnline);
    if (online.length === 0) return digester.lines(block);
    const id = this.#next++;
    const least = online.reduce((a, b) => (b.tasks < a.tasks ? b : a));
    least.tasks++;
    const slot = this.#slot(block.bytes.length);
    const bytes = slot.bytes.subarray(0, block.bytes.length);
    bytes.set(block.bytes);
    const task: WorkerTask = { id, options, policy, block: { ...block, bytes, room: slot.room } };
    least.worker.postMessage(task);
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject, bytes, slot }));
  }

  /** Nothing of it is looked at any more. */
  release(digested: Digested): void {
    const slot = this.#slots.get(digested);
    if (slot) this.#free.push(slot);
  }

  async close(): Promise<void> {
    const workers = this.#workers;
    this.#workers = [];
    this.#free.length = 0;
    await Promise.all(workers.map(w => w.worker.terminate()));
  }

  #slot(bytes: number): Slot {
    const free = this.#free.pop();
    if (free && free.bytes.length >= bytes) return free;
    const size = bytes > SLOT ? bytes * 2 : SLOT * 2;
    return {
      bytes: new Uint8Array(new SharedArrayBuffer(size)),
      room: new Uint8Array(new SharedArrayBuffer(framesRoom(size))),
    };
  }

  #begin(): void {
    for (let i = 0; i < Math.min(MOST, availableParallelism()); i++) {
      const worker = new Worker(new URL('./worker.js', import.meta.url), {
        resourceLimits: { maxYoungGenerationSizeMb: 16 },
      });
      const entry = { worker, tasks: 0, isOnline: false };
      worker.once('online', () => (entry.isOnline = true));
      worker.on('message', ({ id, digested }: WorkerAnswer) => {
        entry.tasks--;
        const waiting = this.#waiting.get(id);
        if (!waiting) return;
        this.#waiting.delete(id);
        const whole = { ...digested, bytes: waiting.bytes };
        this.#slots.set(whole, waiting.slot);
        waiting.resolve(whole);
      });
      worker.on('error', error => {
        this.#fault ??= error;
        for (const { reject } of this.#waiting.values()) reject(error);
        this.#waiting.clear();
      });
      this.#workers.push(entry);
    }
  }
}
