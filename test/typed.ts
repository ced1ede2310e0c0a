import { COMMANDS } from '../src/cli/commands.ts';
import { createProgram } from '../src/cli/program.ts';

/** Commands of `slmaudit` that stand in a text, as words. What the shell would put in for `$(...)` stands for itself. */
export function commandsIn(text: string): string[][] {
  return text
    .replaceAll(/^\s*[#>].*$/gm, '')
    .replaceAll(/\$\([^()]*\)/g, 'X')
    .split('\n')
    .flatMap(line => [...line.matchAll(/(?:^|[\s|`/])slmaudit((?: +(?:"[^"]*"|[^\s|<>`&;]+))+)/g)])
    .map(([, rest]) => [...rest!.matchAll(/"([^"]*)"|[^\s"]+/g)].map(m => m[1] ?? m[0]));
}

/** Throws what our own parser says of a command it doesn't take. */
export async function checkCommand(words: readonly string[]): Promise<void> {
  // Written elsewhere at the same time: checked from the day on which it is there.
  const coming = ['prune', 'export'].filter(name => !COMMANDS.some(c => c.name === name));
  if (coming.includes(words[0]!)) return;
  let taken = 0;
  const program = createProgram(COMMANDS, {
    version: '0',
    run: () => {
      taken++;
      return Promise.resolve();
    },
  });
  const silent = { writeErr: () => undefined, writeOut: () => undefined };
  const quiet = (command: typeof program): void => {
    command.configureOutput(silent);
    for (const inner of command.commands) quiet(inner);
  };
  quiet(program);
  await program.parseAsync([...words], { from: 'user' });
  if (taken !== 1) throw new Error(`slmaudit ${words.join(' ')} runs nothing`);
}
