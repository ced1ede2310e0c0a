import { parentPort } from 'node:worker_threads';
import { look, type Seen, type Sight, type Thrown, thrown } from './look.ts';

/** To a thread, and back. */
export interface LookTask {
  readonly id: number;
  readonly sight: Sight;
}
export interface LookAnswer {
  readonly id: number;
  readonly seen?: Seen;
  readonly error?: Thrown;
}

/** A thread that looks at one file of records after the other; it writes nothing. */
let before: Promise<void> = Promise.resolve();

parentPort?.on('message', ({ id, sight }: LookTask) => {
  before = before
    .then(() => look(sight))
    .then(
      (seen): LookAnswer => ({ id, seen }),
      (error: unknown): LookAnswer => ({ id, error: thrown(error) }),
    )
    .then(answer => parentPort?.postMessage(answer));
});
