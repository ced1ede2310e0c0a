import { type CommandDetails, wholeOf } from '../command.ts';
import { SHELLS, type Shell } from '../completion.ts';

export const completionCommand: CommandDetails = {
  description: [
    'Print a script that completes verbs, options and their values. Load it from the start-up file of the shell.',
  ],
  arguments: [{ name: 'SHELL', about: SHELLS.join(', ') }],
  options: [],
  examples: [
    { command: 'eval "$(slmaudit completion bash)"', about: 'in ~/.bashrc' },
    { command: 'slmaudit completion fish > ~/.config/fish/completions/slmaudit.fish', about: 'for fish' },
  ],
  exits: [
    [0, 'printed'],
    [2, 'no such shell'],
  ],
  async run(given, { stdout }) {
    const { completionScript } = await import('../completion.ts');
    const { COMMANDS } = await import('../commands.ts');
    const { usage } = await import('../values.ts');
    const shell = given.args[0] ?? '';
    if (!SHELLS.includes(shell as Shell))
      throw usage(`no completion for "${shell}"; there is one for ${SHELLS.join(', ')}`);
    const commands = await Promise.all(COMMANDS.map(wholeOf));
    stdout.write(completionScript(shell as Shell, commands));
    return 0;
  },
};
