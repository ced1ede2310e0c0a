import { totalmem } from 'node:os';
import type { QueryOptions } from '../query/query.ts';
import { type Context, flag, type Given, type OptionSpec, text } from './command.ts';
import { readSize, readSpan } from './values.ts';

/** What a query may take, and how far what is remembered is trusted. */
export const LIMIT_OPTIONS: readonly OptionSpec[] = [
  { flags: '--timeout <SPAN>', about: 'stop after so long', default: '5m' },
  {
    flags: '--memory <SIZE>',
    about: "bound of the engine's buffers; beyond it spills to disk",
    default: "a quarter of the machine's, at most 1GiB",
  },
  { flags: '--strict', about: 'trust nothing that is remembered, and check all once more behind the query' },
];

/** `memory`: bytes, where none are given. */
export function limitsOf(
  given: Given,
  { signal, knownFolder }: Context,
  memory: number = defaultMemory(),
): Pick<QueryOptions, 'memory' | 'timeoutMs' | 'signal' | 'known' | 'strict'> {
  const stated = text(given, 'memory');
  return {
    memory: stated === undefined ? memory : readSize(stated, '--memory'),
    timeoutMs: readSpan(text(given, 'timeout') ?? '5m', '--timeout'),
    signal,
    known: knownFolder,
    strict: flag(given, 'strict'),
  };
}

/** A quarter of the machine's, or of what its container may have; at most 1 GiB. */
function defaultMemory(): number {
  const allowed = process.constrainedMemory();
  const all = allowed !== undefined && allowed > 0 ? Math.min(allowed, totalmem()) : totalmem();
  return Math.min(2 ** 30, Math.floor(all / 4));
}
