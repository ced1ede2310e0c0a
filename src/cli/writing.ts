import { type Given, type OptionSpec, text } from './command.ts';
import { readSpan } from './values.ts';

/** What verbs that append to the log have in common. */
export const LOCK_WAIT_OPTION: OptionSpec = {
  flags: '--lock-wait <SPAN>',
  about: 'wait so long for another writer to commit',
  default: '0s',
};

export const lockWaitOf = (given: Given): number => readSpan(text(given, 'lockWait') ?? '0s', '--lock-wait');

export const WRITING_EXITS: readonly (readonly [number, string])[] = [
  [1, 'the log was altered, or is older than what this host has committed; nothing was written'],
  [75, 'another writer holds the lock'],
];
