import { type Given, type OptionSpec, text } from './command.ts';
import { readSpan } from './values.ts';

/** What verbs that append to the log have in common. */
const waiting = (span: string): OptionSpec => ({
  flags: '--lock-wait <SPAN>',
  about: 'wait so long for another writer to commit',
  default: span,
});
export const LOCK_WAIT_OPTION: OptionSpec = waiting('0s');
/** Of verbs that would have to be run again for nothing but that. */
export const LONG_LOCK_WAIT_OPTION: OptionSpec = waiting('60s');

/** Milliseconds. `option`: the one that the verb has. */
export const lockWaitOf = (given: Given, { default: usual }: OptionSpec = LOCK_WAIT_OPTION): number =>
  readSpan(text(given, 'lockWait') ?? usual!, '--lock-wait');

export const WRITING_EXITS: readonly (readonly [number, string])[] = [
  [1, 'the log was altered, or is older than what this host has committed; nothing was written'],
  [75, 'another writer holds the lock'],
];
