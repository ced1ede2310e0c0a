import { parentPort } from 'node:worker_threads';
import { KEEP_ALL, type Policy } from '../log/policy.ts';
import { createDigester, type Digester } from './digest.ts';
import type { WorkerAnswer, WorkerTask } from './pool.ts';

/** A thread that digests blocks; it reads and writes no file. */
const digesters = new Map<number, Digester>();
/** A block's result does not depend on those before it: of a source that was not seen for long a new one will do. */
const MOST_DIGESTERS = 16;
let newest: Policy = KEEP_ALL;

parentPort?.on('message', ({ id, options, policy, block }: WorkerTask) => {
  newest = policy;
  let digester = digesters.get(options.ordinal);
  if (!digester) {
    digester = createDigester(options, () => newest);
    const [oldest] = digesters.keys();
    if (digesters.size === MOST_DIGESTERS) digesters.delete(oldest!);
    digesters.set(options.ordinal, digester);
  }
  const { bytes: _, ...digested } = digester.lines(block);
  const answer: WorkerAnswer = { id, digested };
  // What did not fit into shared memory changes hands.
  const { buffer } = digested.frames;
  parentPort?.postMessage(answer, buffer instanceof ArrayBuffer ? [buffer] : []);
});
