import { init } from '../../init/init.ts';
import { formatPin } from '../../log/pin.ts';
import { type CommandSpec, flag, text } from '../command.ts';

export const initCommand: CommandSpec = {
  name: 'init',
  summary: 'make a store and its keys',
  description: [
    'Make a store and its keys, and print the pin: one line that names the log for ever. Give it to whoever will audit, on paper or in another system; with it, anyone can verify and nobody can forge.',
    'Once, and never again, an offline recovery key is printed on standard error. Genesis names it, so that a later version can put the log on new keys with it if these are lost or stolen; no verb uses it yet. Keep it away from this host.',
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
    { flags: '--format <FORMAT>', about: 'json: all that was made, as one object', choices: ['json'] },
  ],
  examples: [
    { command: 'slmaudit init', about: 'a store in the usual place' },
    {
      command: 'slmaudit init --store /srv/audit --origin audit.example.com/slm/prod | tee pin.txt',
      about: 'the pin goes to pin.txt too',
    },
  ],
  exits: [
    [0, 'made'],
    [2, 'nothing was made: the store or its keys exist already, or could not be written'],
  ],
  async run(given, { storeFolder, keysFolder, stdout, voice }) {
    const origin = text(given, 'origin');
    const made = init({
      store: storeFolder,
      keys: keysFolder,
      recovery: given.options['recovery'] !== false,
      ...(origin !== undefined && { origin }),
    });
    const pin = formatPin(made.pin);
    if (text(given, 'format') === 'json') {
      const { store, keys, recovery } = made;
      stdout.write(
        `${JSON.stringify({ store, keys, origin: made.origin, pin, recovery: recovery ?? null })}\n`,
      );
      return 0;
    }
    voice.say(`store  ${made.store}`);
    voice.say(`keys   ${made.keys}`);
    voice.say('');
    voice.say('The pin, on the next line, is what an auditor needs: keep a copy somewhere else.');
    stdout.write(`${pin}\n`);
    if (made.recovery !== undefined && !flag(given, 'quiet')) {
      voice.say('');
      voice.say(
        'The recovery key, shown only now: keep it offline, for the day on which keys are lost: slmaudit key recover.',
      );
      voice.say(made.recovery);
    }
    return 0;
  },
};
