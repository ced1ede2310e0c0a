import { Worker } from 'node:worker_threads';
import { asError, look, type Seen, type Sight } from './look.ts';
import type { LookAnswer, LookTask } from './looker.ts';

/** Files that a thread has before it while it looks at one. */
const AHEAD = 2;

interface Thread {
  readonly worker: Worker;
  tasks: number;
}

/** Threads that look at files of records, or this one alone. */
export class Lookers {
  readonly #threads: Thread[];
  readonly #waiting = new Map<number, { resolve: (seen: Seen) => void; reject: (error: Error) => void }>();
  #next = 0;

  /** `jobs`: 1 is this thread. */
  constructor(jobs: number) {
    this.#threads = jobs < 2 ? [] : Array.from({ length: jobs }, () => this.#begin());
  }

  /** What is seen of each, in their order; some are looked at before they are asked for. */
  async *all(sights: readonly Sight[]): AsyncGenerator<Seen> {
    const coming: Promise<Seen>[] = [];
    const most = Math.max(1, this.#threads.length * AHEAD);
    for (let next = 0; next < sights.length || coming.length > 0;) {
      for (; next < sights.length && coming.length < most; next++) {
        const one = this.#look(sights[next]!);
        // Whoever stops early does not hear of it.
        one.catch(() => undefined);
        coming.push(one);
      }
      yield await coming.shift()!;
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.map(({ worker }) => worker.terminate()));
  }

  #look(sight: Sight): Promise<Seen> {
    if (this.#threads.length === 0) return look(sight);
    const thread = this.#threads.reduce((a, b) => (b.tasks < a.tasks ? b : a));
    thread.tasks++;
    const id = this.#next++;
    const task: LookTask = { id, sight };
    return new Promise<Seen>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      thread.worker.postMessage(task);
    }).finally(() => thread.tasks--);
  }

  #begin(): Thread {
    const worker = new Worker(new URL('./looker.js', import.meta.url));
    worker.on('message', ({ id, seen, error }: LookAnswer) => {
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (seen) waiting?.resolve(withBuffers(seen));
      else waiting?.reject(asError(error!));
    });
    worker.on('error', error => {
      for (const { reject } of this.#waiting.values()) reject(error);
      this.#waiting.clear();
    });
    return { worker, tasks: 0 };
  }
}

/** A buffer arrives as bytes. */
function withBuffers({ content, ...seen }: Seen): Seen {
  if (!content) return seen;
  const parts = content.parts.map(part => ({ ...part, root: Buffer.from(part.root) }));
  return { ...seen, content: { ...content, parts } };
}
