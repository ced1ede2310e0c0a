import { type CommandDetails, flag } from '../command.ts';
import { printJson } from '../json.ts';
import { counted } from '../values.ts';
import { LOCK_WAIT_OPTION, lockWaitOf } from '../writing.ts';

export const sealCommand: CommandDetails = {
  description: [
    'Finish an interrupted seal and seal the open segments of writers that are gone. Every ingest begins with this; run it alone to have it done without new input.',
    'Whether a writer on another host, or in another container, is gone can not be told from here. --take says that it is.',
    'An open segment that can never be sealed is set aside, as open/<batch>.aside: one that no writer of this store has begun, or whose bytes are in the log already or behind bytes that no segment holds. `slmaudit verify` names it until somebody has looked at it and moved it away. Where the missing bytes are in the file still, the next ingest reads them, and those behind them, from there; where they are gone for good, --gaps seals what is there.',
  ],
  arguments: [],
  options: [
    { flags: '--take', about: 'also take open segments of writers on other hosts or in other containers' },
    {
      flags: '--gaps',
      about: 'also seal what was set aside behind bytes that are gone: the gap is a finding for ever',
    },
    LOCK_WAIT_OPTION,
  ],
  json: 'what was sealed, what was left alone and what was set aside, as one object',
  examples: [{ command: 'slmaudit seal', about: 'after a crash' }],
  exits: [
    [0, 'sealed, or nothing to seal'],
    [1, 'the store is older than its keys, or was altered; nothing was written'],
    [2, 'could not read or write'],
    [75, 'another writer holds the lock'],
  ],
  async run(given, context) {
    const { openStore, voice, knownFolder } = context;
    const store = openStore();
    const { finishInterrupted, sealLeftovers } = await import('../../seal/seal.ts');
    const lockWaitMs = lockWaitOf(given);
    await finishInterrupted(store, { lockWaitMs });
    const options = { take: flag(given, 'take'), gaps: flag(given, 'gaps'), lockWaitMs, known: knownFolder };
    const { sealed, kept, aside } = await sealLeftovers(store, options);
    if (flag(given, 'json')) {
      const segments = sealed.map(({ segment, records }) => ({ segment, records }));
      printJson(context, { sealed: segments, kept, aside });
      return 0;
    }
    for (const s of sealed) voice.say(`segment ${s.segment}: ${counted(s.records, 'record')} sealed`);
    if (sealed.length === 0) voice.say('nothing to seal');
    for (const { batch, why, owner, reason } of kept) {
      const state = {
        unreadable: 'has a damaged header, or that of another segment,',
        unsealable: `could not be sealed (${reason})`,
        other_host: `belongs to process ${owner?.pid} on ${owner?.host}`,
      }[why];
      voice.warn(`open segment ${batch} ${state} and was left alone`);
    }
    for (const { path, reason } of aside)
      voice.warn(`an open segment can't be sealed and was set aside: ${path} (${reason})`);
    if (kept.some(k => k.why === 'other_host'))
      voice.hint('if those writers are surely gone: slmaudit seal --take');
    return 0;
  },
};
