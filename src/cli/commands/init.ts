import type { Policy } from '../../log/policy.ts';
import type { Store } from '../../store/store.ts';
import { type CommandDetails, flag, type Given, text } from '../command.ts';
import { printJson } from '../json.ts';
import { usage } from '../values.ts';

export const initCommand: CommandDetails = {
  description: [
    'Make a store and its keys, and print the pin: one line that names the log for ever. Give it to whoever will audit, on paper or in another system; with it, anyone can verify and nobody can forge.',
    'Once, and never again, an offline recovery key is printed on standard error. Genesis names it: `slmaudit key recover` lets the log go on with it on the day on which keys are lost or stolen. Keep it away from this host.',
    'Without --policy nothing is ever deleted until `slmaudit policy set` says otherwise, and what was sealed before that is kept for ever unless it is retroactive.',
    'An existing store or key is never overwritten.',
  ],
  arguments: [],
  options: [
    {
      flags: '--origin <NAME>',
      about: 'name of the log, for ever',
      default: '<host>/slmaudit/<8 random letters>',
    },
    { flags: '--no-recovery', about: 'make no recovery key' },
    {
      flags: '--policy <FILE|PRESET>',
      about: 'say at once how long records are kept, as `slmaudit policy set` does',
      default: 'all is kept',
      suggests: async () => (await import('../../policy/presets.ts')).PRESET_NAMES,
      isList: true,
    },
  ],
  json: 'all that was made, as one object',
  examples: [
    { command: 'slmaudit init', about: 'a store in the usual place' },
    { command: 'slmaudit init --policy default', about: 'kept six months at least, thirteen at most' },
    {
      command: 'slmaudit init --store /srv/audit --origin audit.example.com/slm/prod | tee pin.txt',
      about: 'the pin goes to pin.txt too',
    },
  ],
  exits: [
    [0, 'made'],
    [2, 'nothing was made: the store or its keys exist already, or could not be written'],
  ],
  async run(given, { storeFolder, keysFolder, openStore, stdout, voice }) {
    const { init } = await import('../../init/init.ts');
    const { formatPin } = await import('../../log/pin.ts');
    const origin = text(given, 'origin');
    const recovery = given.options['recovery'] !== false;
    const isJson = flag(given, 'json');
    // Refused before anything is made.
    if (recovery && flag(given, 'quiet') && !isJson)
      throw usage(
        'the recovery key is shown once, and --quiet would not show it: leave that out, or say --no-recovery or --json',
      );
    const policy = await policyOf(given);
    const made = init({
      store: storeFolder,
      keys: keysFolder,
      recovery,
      ...(origin !== undefined && { origin }),
    });
    const pin = formatPin(made.pin);
    const entry = policy && (await setFirst(policy, openStore()));
    if (isJson) {
      const { store, keys } = made;
      const { origin: named, recovery: key = null } = made;
      printJson(
        { stdout },
        { store, keys, origin: named, pin, recovery: key, ...(entry !== undefined && { policy: entry }) },
      );
      return 0;
    }
    voice.say(`store  ${made.store}`);
    voice.say(`keys   ${made.keys}`);
    if (entry !== undefined)
      voice.say(`policy ${entry}: \`slmaudit policy show\` says what is kept how long`);
    voice.say('');
    voice.say('The pin, on the next line, is what an auditor needs: keep a copy somewhere else.');
    stdout.write(`${pin}\n`);
    if (made.recovery !== undefined) {
      voice.say('');
      voice.say(
        'The recovery key, shown only now: keep it offline, for the day on which keys are lost: slmaudit key recover.',
      );
      voice.say(made.recovery);
    }
    return 0;
  },
};

async function policyOf(given: Given): Promise<Policy | undefined> {
  const said = text(given, 'policy');
  if (said === undefined) return undefined;
  const { readPolicy } = await import('../../policy/read.ts');
  return readPolicy(said).policy;
}

/** The first entry behind genesis, so that the first segment names it. */
async function setFirst(policy: Policy, store: Store): Promise<number | undefined> {
  const { setPolicy } = await import('../../policy/set.ts');
  return (await setPolicy(store, policy, { lockWaitMs: 0, now: Date.now(), dryRun: false })).entry;
}
