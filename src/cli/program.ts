import { Command, Option } from 'commander';
import type { CommandSpec, Given, OptionSpec } from './command.ts';

/** Options of the whole program: they work before and after the verb. */
export const GLOBAL_OPTIONS: readonly OptionSpec[] = [
  {
    flags: '--store <DIR>',
    about: 'the store',
    default: '$SLMAUDIT_STORE, else slmaudit/store in the XDG data folder',
  },
  {
    flags: '--keys <DIR>',
    about: "folder of all stores' keys",
    default: '$SLMAUDIT_KEYS, else slmaudit/keys in the XDG config folder',
  },
  { flags: '-q, --quiet', about: 'say nothing but errors' },
];

export interface ProgramOptions {
  readonly version: string;
  readonly run: (spec: CommandSpec, given: Given) => Promise<void>;
}

export const ABOUT = 'Audit-ready access logs of small language models: normalize, seal, verify, query.';

/** The parser, from the table of commands. Commander throws instead of exiting. */
export function createProgram(commands: readonly CommandSpec[], options: ProgramOptions): Command {
  const program = new Command('slmaudit')
    .description(ABOUT)
    .version(`slmaudit ${options.version}`, '--version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    .showHelpAfterError(false)
    .exitOverride();
  for (const o of GLOBAL_OPTIONS) program.addOption(option(o));
  for (const spec of commands) {
    const words = spec.name.split(' ');
    const command = words
      .slice(0, -1)
      .reduce(groupIn, program)
      .command(words.at(-1)!)
      .summary(spec.summary)
      .description(spec.description[0] ?? spec.summary);
    command.exitOverride().helpOption('-h, --help', 'print this help');
    for (const a of spec.arguments) {
      const name = a.many ? `${a.name}...` : a.name;
      command.argument(a.optional ? `[${name}]` : `<${name}>`, a.about);
    }
    for (const o of spec.options) command.addOption(option(o));
    if (spec.file) {
      const { about, lines } = spec.file;
      command.addHelpText('after', `\n${about}:\n${lines.map(l => `  ${l}`).join('\n')}`);
    }
    if (spec.examples.length > 0) {
      command.addHelpText(
        'after',
        `\nExamples:\n${spec.examples.map(e => `  ${e.command}\n      ${e.about}`).join('\n')}`,
      );
    }
    command.action(async (...all: unknown[]) => {
      const args = all
        .slice(0, spec.arguments.length)
        .flatMap(a => (Array.isArray(a) ? a : a === undefined ? [] : [a]));
      await options.run(spec, { args: args.map(String), options: command.optsWithGlobals() });
    });
  }
  addHelp(program);
  return program;
}

/** `help`, `help report`, `help report usage`: commander's own looks at the first word alone. */
function addHelp(program: Command): void {
  program
    .command('help')
    .argument('[command...]')
    .description('print help for a command')
    .exitOverride()
    .helpOption('-h, --help', 'print this help')
    .action((words: readonly string[]) => {
      const named = words.reduce<Command>((at, word) => {
        const next = at.commands.find(c => c.name() === word);
        return next ?? program.error(`error: unknown command '${words.join(' ')}'`);
      }, program);
      named.help();
    });
}

/** The command that only holds others, such as `map` of `map test`. */
function groupIn(parent: Command, name: string): Command {
  const known = parent.commands.find(c => c.name() === name);
  if (known) return known;
  const group = parent.command(name).description(GROUPS[name] ?? '');
  return group.exitOverride().helpOption('-h, --help', 'print this help').helpCommand(false);
}

/** Verbs that have verbs of their own. */
const GROUPS: Readonly<Record<string, string>> = {
  hold: 'keep what a policy would let go',
  key: 'look after the keys',
  map: 'try a format of your own',
  policy: 'say how long records are kept',
  quarantine: 'look at lines that were rejected, and read them again',
  report: 'say what there was, as pages of an operations review',
  rules: 'look at the rules of detection, and try them',
  receipt: 'check what an answer was made from',
};

/** The command that a spec has become. */
export function commandOf(program: Command, { name }: CommandSpec): Command | undefined {
  return name
    .split(' ')
    .reduce<Command | undefined>((at, word) => at?.commands.find(c => c.name() === word), program);
}

function option(spec: OptionSpec): Option {
  const made = new Option(
    spec.flags,
    spec.default === undefined ? spec.about : `${spec.about} (default: ${spec.default})`,
  );
  if (spec.many)
    made.argParser((value: string, before: readonly string[] | undefined) => [...(before ?? []), value]);
  return spec.choices ? made.choices(spec.choices) : made;
}
