import { parentPort } from 'node:worker_threads';
import { type Thrown, thrown } from '../errors.ts';
import { falseOf } from './claims.ts';
import { look, type Seen, type Sight } from './look.ts';

/** To a thread, and back: some files, or some claims. */
export type LookTask = { readonly sights: readonly Sight[] } | { readonly claims: Uint8Array<ArrayBuffer> };
export type LookAnswer = { readonly seen: readonly (Seen | Thrown)[] } | { readonly bad: readonly number[] };

/** A thread that looks at one file of records after the other, and at signatures; it writes nothing. */
let before: Promise<void> = Promise.resolve();

parentPort?.on('message', (task: LookTask) => {
  before = before.then(() => answer(task)).then(answered => parentPort?.postMessage(answered));
});

async function answer(task: LookTask): Promise<LookAnswer> {
  if ('claims' in task) return { bad: falseOf(task.claims) };
  const seen: (Seen | Thrown)[] = [];
  for (const sight of task.sights) seen.push(await look(sight).catch(thrown));
  return { seen };
}
