import type { Readable } from 'node:stream';
import { AuditError } from '../../errors.ts';
import { REKEY_REASONS, type RekeyReason } from '../../log/rekey.ts';
import type { SignerKey } from '../../note/key.ts';
import type { KeyStatus } from '../../custody/status.ts';
import { type CommandDetails, flag, text } from '../command.ts';
import { printJson } from '../json.ts';
import { counted, usage } from '../values.ts';
import { printable } from '../voice.ts';
import { LONG_LOCK_WAIT_OPTION, lockWaitOf } from '../writing.ts';

export const keyStatusCommand: CommandDetails = {
  description: [
    'Say which keys of the store this host holds, whether the next entry can be signed, and what to do if it can not. Nothing is shown of the keys but their public halves.',
  ],
  arguments: [],
  options: [],
  json: 'all of it as one object',
  examples: [{ command: 'slmaudit key status', about: 'after a restore, before anything else' }],
  exits: [
    [0, 'the log can go on'],
    [2, 'it can not: a key is missing, or the store is behind what was committed'],
  ],
  async run(given, context) {
    const { openStore, stdout, voice } = context;
    const { keyStatus } = await import('../../custody/status.ts');
    const status = keyStatus(openStore());
    const trouble = troubleOf(status);
    if (flag(given, 'json')) printJson(context, status);
    else {
      const lines: [string, string][] = [
        ['folder', status.folder],
        ['log', status.log ?? 'missing'],
        ['epoch', status.epoch.present ? `present, for entry ${status.epoch.entry}` : 'missing'],
        [
          'record',
          status.record.length > 1
            ? `${status.record[0]}, and of before ${status.record.slice(1).join(', ')}`
            : (status.record[0] ?? 'missing'),
        ],
        ['recovery', status.recovery ? `${status.recovery}, offline` : 'none named in genesis'],
        ['head', status.head === undefined ? 'missing' : counted(status.head, 'entry', 'entries')],
        ['store', counted(status.entries, 'entry', 'entries')],
      ];
      for (const [name, value] of lines) stdout.write(`${name.padEnd(9)}${printable(value)}\n`);
      if (trouble) voice.warn(trouble);
    }
    return trouble === undefined ? 0 : 2;
  },
};

/** What is lost, and the next command, in a sentence. */
function troubleOf({ log, epoch, record, recovery, head, entries }: KeyStatus): string | undefined {
  if (head !== undefined && head > entries)
    return `the store is behind what this host has committed, ${counted(head - entries, 'entry', 'entries')} lost with what they held; restore a newer copy of the store, nothing is written to this one`;
  if (log === undefined)
    return 'the log key is lost: bring log.key back from the copy that was kept offline, or name its folder with --keys; without it no checkpoint can be signed any more, what is sealed stays verifiable by its pin, and a new store begins with `slmaudit init`';
  if (record.length === 0)
    return 'the record key is lost: bring record.key back from the copy that was kept offline; without it prompts can not be searched by hash, quarantine can not be opened, and a new store begins with `slmaudit init`; what is sealed stays verifiable';
  if (epoch.present) return undefined;
  return recovery === undefined
    ? 'the key of the next entry is lost and genesis names no recovery key: nothing can be sealed any more; what is sealed stays verifiable; begin a new store with `slmaudit init`'
    : 'the key of the next entry is lost: nothing can be sealed; nothing sealed is lost; get the recovery key and run `slmaudit key recover --recovery-key FILE`';
}

export const keyRecoverCommand: CommandDetails = {
  description: [
    'Append an entry that names a new epoch key, signed by the recovery key that `slmaudit init` showed once. It is for the day on which the key folder was lost or restored from a backup, so that the key of the next entry is missing, or on which somebody else may have that key too.',
    'On another host it takes the store and, in the key folder, log.key and record.key: copies of these two, kept offline beside the recovery key, are all that is needed of the folder, and they never grow old but by `slmaudit key rotate`. Copies of epoch are of no use and a danger.',
    'The entry stays in the log for ever, and `slmaudit verify` goes on naming it and answers 4: from there on the log is vouched for by whoever holds the recovery key. What was sealed before is as safe as it was.',
    'A log key that has leaked can not be replaced: begin a new store with `slmaudit init`, and tell auditors until which head the old one counts.',
  ],
  arguments: [],
  options: [
    { flags: '--recovery-key <FILE>', about: 'file that holds the recovery key; - is standard input' },
    {
      flags: '--reason <REASON>',
      about: 'what happened to the key',
      choices: REKEY_REASONS,
      default: 'lost',
    },
    LONG_LOCK_WAIT_OPTION,
  ],
  examples: [
    {
      command: 'slmaudit key recover --recovery-key - < /media/usb/recovery.txt',
      about: 'and keep it offline again',
    },
  ],
  exits: [
    [0, 'the log goes on'],
    [1, 'the log was altered, or is older than what this host has committed'],
    [2, 'not the right key, none named, or nothing lost'],
    [75, 'another writer holds the lock'],
  ],
  json: 'what was written, as one object',
  async run(given, context) {
    const { openStore, stdin, voice } = context;
    const { recoverKey } = await import('../../custody/recover.ts');
    const path = text(given, 'recoveryKey');
    if (path === undefined)
      throw usage('give the recovery key with --recovery-key FILE, or - for standard input');
    const entry = await recoverKey(openStore(), {
      recoveryKey: await readKey(path, stdin),
      reason: (text(given, 'reason') ?? 'lost') as RekeyReason,
      lockWaitMs: lockWaitOf(given, LONG_LOCK_WAIT_OPTION),
    });
    if (flag(given, 'json')) printJson(context, { entry });
    else voice.say(`entry ${entry} names a new key; the log goes on`);
    voice.hint('slmaudit verify names that entry from now on, and answers 4');
    return 0;
  },
};

export const keyRotateCommand: CommandDetails = {
  description: [
    'Make a new record key and say so in the log. Prompts, completions, keys and hashed identities are hashed under it from now on; the key before it stays on this host, so that `slmaudit hash` finds what was hashed under it and quarantine can be opened, until `slmaudit key destroy`.',
    'Do it once a retention period: destroying the keys of a period that is over unlinks its hashes for good. An ingest that is running goes on with the key it began with.',
    'Epoch keys need no rotation: each signs one entry. The log key can not be replaced.',
  ],
  arguments: [],
  options: [LONG_LOCK_WAIT_OPTION],
  examples: [{ command: 'slmaudit key rotate', about: 'from cron, on the first of a year' }],
  exits: [
    [0, 'made'],
    [1, 'the log was altered, or is older than what this host has committed'],
    [2, 'could not be written'],
    [75, 'another writer holds the lock'],
  ],
  json: 'what was written, as one object',
  async run(given, context) {
    const { openStore, voice } = context;
    const { rotateRecordKey } = await import('../../custody/rotate.ts');
    const lockWaitMs = lockWaitOf(given, LONG_LOCK_WAIT_OPTION);
    const { entry, id, before } = await rotateRecordKey(openStore(), lockWaitMs);
    if (flag(given, 'json')) printJson(context, { entry, id, before });
    else voice.say(`record key ${id} from entry ${entry} on; ${before} stays for what was hashed under it`);
    return 0;
  },
};

export const keyDestroyCommand: CommandDetails = {
  description: [
    'Overwrite and remove a record key that `slmaudit key rotate` has replaced. What was hashed under it can not be found by prompt, key, user or address any more, and rejected lines that were encrypted under it stay closed. Every signature still verifies. Files that were read while it was the present key are unknown from then on: ingested again, they would be read again.',
    'Copies in backups of the key folder are not reached; leave that folder out of backups.',
  ],
  arguments: [
    {
      name: 'ID',
      about: 'as `key status` lists it',
      suggests: async ({ openStore }) =>
        (await import('../../custody/status.ts')).keyStatus(openStore()).record.slice(1),
    },
  ],
  options: [{ flags: '--yes', about: 'do it: an erased key can not be had back' }],
  examples: [{ command: 'slmaudit key destroy 31ce0844 --yes', about: 'when its period is over' }],
  exits: [
    [0, 'erased'],
    [2, 'it is the present one, or there is none of that id'],
  ],
  json: 'the id of the key, as an object',
  async run(given, context) {
    const { openStore, voice } = context;
    const { destroyRecordKey } = await import('../../custody/rotate.ts');
    const [id] = given.args;
    if (id === undefined) throw usage('name a record key by its id, as `slmaudit key status` lists it');
    if (!flag(given, 'yes'))
      throw usage(
        `what was hashed under record key ${id} can never be found again, nor its rejected lines opened: say --yes`,
      );
    destroyRecordKey(openStore(), id);
    if (flag(given, 'json')) printJson(context, { id });
    else voice.say(`record key ${id} is erased`);
    return 0;
  },
};

const MOST_KEY_BYTES = 64 << 10;

async function readKey(path: string, stdin: Readable): Promise<SignerKey> {
  const { parseSigner } = await import('../../note/key.ts');
  const { readInput } = await import('../input.ts');
  const hint = 'it is one line that begins with PRIVATE+KEY+, as `slmaudit init` showed it';
  const bytes = await readInput(path, stdin, { maxBytes: MOST_KEY_BYTES, hint });
  try {
    return parseSigner(bytes.toString('utf8').trim());
  } catch (cause) {
    const name = path === '-' ? 'standard input' : path;
    throw new AuditError('KEY_UNREADABLE', `can't read a recovery key from ${name}`, { hint, cause });
  }
}
