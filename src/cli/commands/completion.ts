import type { CommandDetails } from '../command.ts';
import { SHELLS, type Shell } from '../completion.ts';

export const completionCommand: CommandDetails = {
  description: [
    'Print a script that completes verbs, options and their values, saved queries and rules. Load it from the start-up file of the shell.',
    'The script asks this program what can stand where the cursor is, with the LINE up to there: what is installed is what is offered, and every shell is told the same.',
  ],
  arguments: [
    { name: 'SHELL', about: SHELLS.join(', '), suggests: () => SHELLS },
    { name: 'LINE', about: 'what the script asks about', optional: true },
    { name: 'PART', about: 'the part of its last word that bash would replace', optional: true },
  ],
  options: [],
  examples: [
    { command: 'eval "$(slmaudit completion bash)"', about: 'in ~/.bashrc' },
    { command: 'eval "$(slmaudit completion zsh)"', about: 'in ~/.zshrc, behind compinit' },
    { command: 'slmaudit completion fish > ~/.config/fish/completions/slmaudit.fish', about: 'for fish' },
  ],
  exits: [
    [0, 'printed'],
    [2, 'no such shell'],
  ],
  async run({ args: [shell = '', line, part] }, { stdout, queriesFolder, rulesFolder }) {
    const { completionScript, completionText } = await import('../completion.ts');
    if (!SHELLS.includes(shell as Shell)) {
      const { usage } = await import('../values.ts');
      throw usage(`no completion for "${shell}"; there is one for ${SHELLS.join(', ')}`);
    }
    if (line === undefined) {
      stdout.write(completionScript(shell as Shell));
      return 0;
    }
    const { completed } = await import('../completing.ts');
    const { COMMANDS } = await import('../commands.ts');
    const { openStore } = await import('../../store/store.ts');
    const { keysFolder, storeFolder } = await import('../places.ts');
    const answer = await completed(line, COMMANDS, { queriesFolder, rulesFolder }, (store, keys) =>
      openStore(storeFolder(store, process.env), keysFolder(keys, process.env)),
    );
    stdout.write(completionText(answer, part));
    return 0;
  },
};
