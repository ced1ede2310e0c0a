import { type CommandSpec, type OptionSpec } from './command.ts';
import { GLOBAL_OPTIONS } from './program.ts';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** A completion script for a shell, made from the table of commands. */
export function completionScript(shell: Shell, commands: readonly CommandSpec[]): string {
  switch (shell) {
    case 'bash':
      return bash(commands);
    case 'zsh':
      return `#compdef slmaudit\nautoload -U +X bashcompinit && bashcompinit\n${bash(commands)}`;
    case 'fish':
      return fish(commands);
  }
}

const longs = (specs: readonly OptionSpec[]): string[] => specs.map(o => /--[a-z-]+/.exec(o.flags)![0]);

function bash(commands: readonly CommandSpec[]): string {
  const verbs = commands.map(c => c.name).join(' ');
  const cases = commands.map(
    c => `    ${c.name}) words='${[...longs([...c.options, ...GLOBAL_OPTIONS]), '--help'].join(' ')}' ;;`,
  );
  const chosen = commands.flatMap(c =>
    c.options
      .filter(o => o.choices)
      .map(
        o =>
          `    ${c.name}/${longs([o])[0]}) COMPREPLY=($(compgen -W '${o.choices!.join(' ')}' -- "$word")); return ;;`,
      ),
  );
  return `_slmaudit() {
  local word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" verb="\${COMP_WORDS[1]}" words
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W '${verbs} help --version --help' -- "$word"))
    return
  fi
  case "$verb/$before" in
${chosen.join('\n')}
  esac
  case "$verb" in
${cases.join('\n')}
  esac
  case "$word" in
    -*) COMPREPLY=($(compgen -W "$words" -- "$word")) ;;
    *) COMPREPLY=($(compgen -f -- "$word")) ;;
  esac
}
complete -o filenames -F _slmaudit slmaudit
`;
}

function fish(commands: readonly CommandSpec[]): string {
  const lines = commands.map(
    c => `complete -c slmaudit -n __fish_use_subcommand -f -a ${c.name} -d ${quoted(c.summary)}`,
  );
  for (const c of commands) {
    for (const o of [...c.options, ...GLOBAL_OPTIONS]) {
      const value = o.flags.includes('<') ? ' -r' : '';
      const choices = o.choices ? ` -f -a ${quoted(o.choices.join(' '))}` : '';
      const name = longs([o])[0]!.slice(2);
      lines.push(
        `complete -c slmaudit -n '__fish_seen_subcommand_from ${c.name}' -l ${name}${value}${choices} -d ${quoted(o.about)}`,
      );
    }
  }
  return `${lines.join('\n')}\n`;
}

const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
