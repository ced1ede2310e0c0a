import { parentPort } from 'node:worker_threads';
import { type Thrown, thrown } from '../errors.ts';
import type { Store } from '../store/store.ts';
import type { Batch } from './batch.ts';
import type { Committed } from './commit.ts';
import { type SealOptions, sealBatch } from './seal.ts';

/** To the thread, and back. */
export interface SealTask {
  readonly store: Store;
  readonly batch: Batch;
  readonly options: SealOptions;
}
export interface SealAnswer {
  readonly committed?: Committed[];
  readonly error?: Thrown;
}

/** A thread that seals one batch at a time. */
parentPort?.on('message', ({ store, batch, options }: SealTask) => {
  void sealBatch(store, withBuffers(batch), options)
    .then(
      (committed): SealAnswer => ({ committed }),
      (error: unknown): SealAnswer => ({ error: thrown(error) }),
    )
    .then(answer => parentPort?.postMessage(answer));
});

/** A buffer arrives as bytes. */
function withBuffers(batch: Batch): Batch {
  return { ...batch, parts: batch.parts.map(part => ({ ...part, root: Buffer.from(part.root) })) };
}
