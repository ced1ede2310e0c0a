import type { Completion } from './completing.ts';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/**
 * A script for each shell that asks the program what can stand where the cursor is: one answer for all of them, which is as new as
 * the program is. The line goes as it was typed up to the cursor; bash also says which part of the last word it would replace.
 */
export const completionScript = (shell: Shell): string => SCRIPTS[shell];

/** `files`, `folders` or `nothing`, for where there is no suggestion; then a suggestion a line, `value<TAB>what it is`. */
export function completionText({ word, suggestions, otherwise }: Completion, part: string = word): string {
  const before = word.endsWith(part) ? word.length - part.length : 0;
  const lines = suggestions.map(({ value, about }) => `${value.slice(before)}${about ? `\t${about}` : ''}`);
  return `${[otherwise, ...lines].join('\n')}\n`;
}

const SCRIPTS: Readonly<Record<Shell, string>> = {
  bash: `_slmaudit() {
  local lines
  mapfile -t lines < <("$1" completion bash -- "\${COMP_LINE:0:COMP_POINT}" "$2" 2>/dev/null)
  COMPREPLY=("\${lines[@]:1}")
  COMPREPLY=("\${COMPREPLY[@]%%$'\\t'*}")
  if [ "\${#COMPREPLY[@]}" -eq 0 ]; then
    case "\${lines[0]}" in
      files) compopt -o default ;;
      folders) compopt -o dirnames ;;
    esac
  elif [ "\${#COMPREPLY[@]}" -eq 1 ]; then
    case "\${COMPREPLY[0]}" in *[=:/]) compopt -o nospace ;; esac
  fi
}
complete -F _slmaudit slmaudit
`,
  zsh: `#compdef slmaudit
_slmaudit() {
  local -a lines open closed
  local line value
  lines=("\${(@f)$("\${(Q)words[1]}" completion zsh -- "\${(j: :)words[1,CURRENT-1]} $PREFIX" 2>/dev/null)}")
  for line in "\${(@)lines[2,-1]}"; do
    value="\${line%%$'\\t'*}"
    [[ -n $value ]] || continue
    [[ $line == *$'\\t'* ]] && line="\${value//:/\\\\:}:\${line#*$'\\t'}" || line="\${value//:/\\\\:}"
    case "$value" in *[=:/]) open+=("$line") ;; *) closed+=("$line") ;; esac
  done
  if (( \${#open} + \${#closed} )); then
    (( \${#closed} )) && _describe -V slmaudit closed
    (( \${#open} )) && _describe -V slmaudit open -S ''
    return 0
  fi
  case "\${lines[1]}" in
    files) _files ;;
    folders) _files -/ ;;
  esac
}
if [[ "\${funcstack[1]}" == _slmaudit ]]; then _slmaudit "$@"; else compdef _slmaudit slmaudit; fi
`,
  fish: `function __slmaudit_complete
    set -l words (commandline -opc)
    set -l lines ($words[1] completion fish -- (commandline -cp) 2>/dev/null)
    if test (count $lines) -gt 1
        printf '%s\\n' $lines[2..-1]
    else if test "$lines[1]" = files
        __fish_complete_path (commandline -ct)
    else if test "$lines[1]" = folders
        __fish_complete_directories (commandline -ct)
    end
end
complete -c slmaudit -f -k -a '(__slmaudit_complete)'
`,
};
