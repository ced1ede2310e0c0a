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

const firstWord = (spec: CommandSpec): string => spec.name.split(' ')[0]!;

/** Verbs that have verbs of their own, and those. */
function groupsOf(commands: readonly CommandSpec[]): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const { name } of commands) {
    const [group, inner] = name.split(' ');
    if (inner !== undefined) groups.set(group!, [...(groups.get(group!) ?? []), inner]);
  }
  return groups;
}

function bash(commands: readonly CommandSpec[]): string {
  const verbs = [...new Set(commands.map(firstWord))].join(' ');
  const cases = commands.map(
    c => `    '${c.name}') words='${[...longs([...c.options, ...GLOBAL_OPTIONS]), '--help'].join(' ')}' ;;`,
  );
  const groups = groupsOf(commands);
  const seconds = [...groups].map(
    ([group, inner]) =>
      `    ${group}) if [ "$COMP_CWORD" -eq 2 ]; then COMPREPLY=($(compgen -W '${inner.join(' ')}' -- "$word")); return; fi; verb="$verb \${COMP_WORDS[2]}" ;;`,
  );
  const chosen = commands.flatMap(c =>
    c.options
      .filter(o => o.choices)
      .map(
        o =>
          `    '${c.name}'/${longs([o])[0]}) COMPREPLY=($(compgen -W '${o.choices!.join(' ')}' -- "$word")); return ;;`,
      ),
  );
  return `_slmaudit() {
  local word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" verb="\${COMP_WORDS[1]}" words
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W '${verbs} help --version --help' -- "$word"))
    return
  fi
  case "$verb" in
${seconds.join('\n')}
  esac
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
  const lines = commands.map(c => {
    const [group, ...inner] = c.name.split(' ');
    const where = inner.length === 0 ? '__fish_use_subcommand' : `'__fish_seen_subcommand_from ${group}'`;
    return `complete -c slmaudit -n ${where} -f -a ${inner.join(' ') || group} -d ${quoted(c.summary)}`;
  });
  for (const group of groupsOf(commands).keys())
    lines.push(`complete -c slmaudit -n __fish_use_subcommand -f -a ${group}`);
  for (const c of commands) {
    for (const o of [...c.options, ...GLOBAL_OPTIONS]) {
      const value = o.flags.includes('<') ? ' -r' : '';
      const choices = o.choices ? ` -f -a ${quoted(o.choices.join(' '))}` : '';
      const name = longs([o])[0]!.slice(2);
      lines.push(
        `complete -c slmaudit -n '__fish_seen_subcommand_from ${c.name.split(' ').at(-1)}' -l ${name}${value}${choices} -d ${quoted(o.about)}`,
      );
    }
  }
  return `${lines.join('\n')}\n`;
}

const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
