import { parentPort } from 'node:worker_threads';
import { createDigester, type Digester } from './digest.ts';
import type { WorkerAnswer, WorkerTask } from './pool.ts';

/** A thread that digests blocks; it reads and writes no file. */
const digesters = new Map<number, Digester>();

parentPort?.on('message', ({ id, options, block }: WorkerTask) => {
  let digester = digesters.get(options.ordinal);
  if (!digester) {
    digester = createDigester(options);
    digesters.set(options.ordinal, digester);
  }
  const { bytes: _, ...digested } = digester.lines(block);
  const answer: WorkerAnswer = { id, digested };
  const { frames, leaves } = digested;
  // Small ones may lie in a buffer that others share: only whole buffers change hands.
  const whole = [frames, leaves].filter(a => a.byteLength > 1 << 16).map(a => a.buffer as ArrayBuffer);
  parentPort?.postMessage(answer, [...new Set(whole)]);
});
