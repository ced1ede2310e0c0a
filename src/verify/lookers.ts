import { Worker } from 'node:worker_threads';
import { asError, stopped, type Thrown } from '../errors.ts';
import { type Claim, falseOf, packed } from './claims.ts';
import { look, type Seen, type Sight } from './look.ts';
import type { LookAnswer, LookTask } from './looker.ts';

/** Tasks that a thread has before it while it is at one. */
const AHEAD = 2;
/** Of one task: a message costs as much as looking at a small file. With more under way, all that is said of them is collected late. */
const MOST_FILES = 16;
const MOST_BYTES = 4 << 20;

/** A thread answers in the order in which it was asked. */
interface Thread {
  readonly worker: Worker;
  readonly waiting: {
    readonly resolve: (answer: LookAnswer) => void;
    readonly reject: (error: Error) => void;
  }[];
  /** What it has ended with: it answers nothing any more. */
  fault?: Error;
}

/** Threads that look at files of records and at signatures, or this one alone. */
export class Lookers {
  readonly #threads: Thread[];
  readonly #signal: AbortSignal | undefined;
  /** Whoever waits hears of it at once. */
  readonly #stop = (): void => {
    for (const { waiting } of this.#threads)
      for (const { reject } of waiting.splice(0)) reject(stopped(this.#signal?.reason));
  };

  /** `jobs`: 1 is this thread. */
  constructor(jobs: number, signal?: AbortSignal) {
    this.#signal = signal;
    this.#threads = jobs < 2 ? [] : Array.from({ length: jobs }, () => this.#begin());
    signal?.addEventListener('abort', this.#stop);
  }

  /** Tasks that may be under way. */
  get most(): number {
    return Math.max(1, this.#threads.length * (1 + AHEAD));
  }

  /** What is seen of each, in their order; some are looked at before they are asked for. */
  async *all(sights: Iterable<Sight>): AsyncGenerator<Seen> {
    const coming: Promise<readonly (Seen | Thrown)[]>[] = [];
    const tasks = this.#threads.length === 0 ? oneByOne(sights) : together(sights);
    for (let next = tasks.next(); !next.done || coming.length > 0;) {
      for (; !next.done && coming.length < this.most; next = tasks.next()) {
        const some = this.#look(next.value);
        // Whoever stops early does not hear of it.
        some.catch(() => undefined);
        coming.push(some);
      }
      for (const seen of await coming.shift()!) {
        if ('message' in seen) throw asError(seen);
        yield seen;
      }
    }
  }

  /** Places of the claims that aren't true. */
  async falseOf(claims: readonly Claim[]): Promise<readonly number[]> {
    const bytes = packed(claims);
    if (this.#threads.length === 0) return falseOf(bytes);
    const answer = await this.#ask({ claims: bytes });
    if ('bad' in answer) return answer.bad;
    throw new Error('a thread looked at something else than signatures');
  }

  async close(): Promise<void> {
    this.#signal?.removeEventListener('abort', this.#stop);
    await Promise.all(this.#threads.map(({ worker }) => worker.terminate()));
  }

  async #look(sights: readonly Sight[]): Promise<readonly (Seen | Thrown)[]> {
    if (this.#threads.length === 0) return Promise.all(sights.map(sight => look(sight, this.#signal)));
    const answer = await this.#ask({ sights });
    if ('seen' in answer) return answer.seen.map(withBuffers);
    throw new Error('a thread looked at something else than files');
  }

  #ask(task: LookTask): Promise<LookAnswer> {
    if (this.#signal?.aborted) return Promise.reject(stopped(this.#signal.reason));
    const { worker, waiting, fault } = this.#threads.reduce((a, b) =>
      b.waiting.length < a.waiting.length ? b : a,
    );
    if (fault) return Promise.reject(fault);
    return new Promise<LookAnswer>((resolve, reject) => {
      waiting.push({ resolve, reject });
      worker.postMessage(task, 'claims' in task ? [task.claims.buffer] : []);
    });
  }

  #begin(): Thread {
    const worker = new Worker(new URL('./looker.js', import.meta.url));
    const thread: Thread = { worker, waiting: [] };
    worker.on('message', (answer: LookAnswer) => thread.waiting.shift()?.resolve(answer));
    worker.on('error', error => {
      thread.fault = error;
      for (const { reject } of thread.waiting.splice(0)) reject(error);
    });
    return thread;
  }
}

function* oneByOne(sights: Iterable<Sight>): Generator<readonly Sight[], undefined> {
  for (const sight of sights) yield [sight];
}

function* together(sights: Iterable<Sight>): Generator<readonly Sight[], undefined> {
  let some: Sight[] = [];
  let bytes = 0;
  for (const sight of sights) {
    some.push(sight);
    bytes += sight.bytes;
    if (some.length < MOST_FILES && bytes < MOST_BYTES && !sight.counts) continue;
    yield some;
    [some, bytes] = [[], 0];
  }
  if (some.length > 0) yield some;
}

/** A buffer arrives as bytes. */
function withBuffers(seen: Seen | Thrown): Seen | Thrown {
  if (!('digest' in seen) || !seen.content) return seen;
  const parts = seen.content.parts.map(part => ({ ...part, root: Buffer.from(part.root) }));
  return { ...seen, content: { ...seen.content, parts } };
}
