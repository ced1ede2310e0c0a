import { createRequire } from 'node:module';
import type { Command, Option } from 'commander';
import { type CommandSpec, type Given, type Listed, type OptionSpec, wholeOf } from './command.ts';
import { jsonGiven } from './json.ts';

/** CommonJS: `import` would look through it for names first, which takes longer than to load it. */
const commander = createRequire(import.meta.url)('commander') as typeof import('commander');

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

/** The parser, from the table of commands. Commander throws instead of exiting. A verb's own options are there once it is asked. */
export function createProgram(commands: readonly Listed[], options: ProgramOptions): Command {
  const program: Command = new commander.Command('slmaudit')
    .description(ABOUT)
    .version(`slmaudit ${options.version}`, '--version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    .showHelpAfterError(false)
    .configureHelp({
      subcommandTerm: command => command.name(),
      showGlobalOptions: true,
      visibleGlobalOptions: command =>
        command.parent ? program.options.filter(o => o.long !== '--version') : [],
      styleTitle: title => (title === 'Global Options:' ? 'Options of every command:' : title),
    })
    .exitOverride();
  for (const o of GLOBAL_OPTIONS) program.addOption(option(o));
  const unasked = new Map<Command, Listed>();
  const fill = async (command: Command): Promise<void> => {
    const listed = unasked.get(command);
    unasked.delete(command);
    if (listed) fillIn(command, await wholeOf(listed), options.run);
  };
  const groupOf = (parent: Command, name: string): Command =>
    parent.commands.find(c => c.name() === name) ?? groupIn(parent, name, fill);
  program.hook('preSubcommand', (_, asked) => fill(asked));
  for (const listed of commands) {
    const words = listed.name.split(' ');
    const command = words
      .slice(0, -1)
      .reduce(groupOf, program)
      .command(words.at(-1)!)
      .summary(listed.summary);
    command.exitOverride().helpOption('-h, --help', 'print this help');
    unasked.set(command, listed);
  }
  addHelp(program, fill);
  return program;
}

function fillIn(command: Command, spec: CommandSpec, run: ProgramOptions['run']): void {
  command.description(spec.description[0] ?? spec.summary);
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
    await run(spec, await jsonGiven(spec, { args: args.map(String), options: command.optsWithGlobals() }));
  });
}

/** What the parser would have ended the program with; undefined: it was not the parser. */
export const parserExit = (error: unknown): number | undefined =>
  error instanceof commander.CommanderError ? error.exitCode : undefined;

/** `help`, `help report`, `help report usage`: commander's own looks at the first word alone. */
function addHelp(program: Command, fill: (command: Command) => Promise<void>): void {
  program
    .command('help')
    .argument('[command...]')
    .description('print help for a command')
    .exitOverride()
    .helpOption('-h, --help', 'print this help')
    .action(async (words: readonly string[]) => {
      const named = words.reduce<Command>((at, word) => {
        const next = at.commands.find(c => c.name() === word);
        return next ?? program.error(`error: unknown command '${words.join(' ')}'`);
      }, program);
      await fill(named);
      named.help();
    });
}

/** The command that only holds others, such as `map` of `map test`. */
function groupIn(parent: Command, name: string, fill: (command: Command) => Promise<void>): Command {
  const group = parent.command(name).description(GROUPS[name] ?? '');
  group.hook('preSubcommand', (_, asked) => fill(asked));
  return group.exitOverride().helpOption('-h, --help', 'print this help').helpCommand(false);
}

/** Verbs that have verbs of their own. */
export const GROUPS: Readonly<Record<string, string>> = {
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
export function commandOf(program: Command, { name }: Pick<CommandSpec, 'name'>): Command | undefined {
  return name
    .split(' ')
    .reduce<Command | undefined>((at, word) => at?.commands.find(c => c.name() === word), program);
}

function option(spec: OptionSpec): Option {
  const made = new commander.Option(
    spec.flags,
    spec.default === undefined ? spec.about : `${spec.about} (default: ${spec.default})`,
  );
  if (spec.many)
    made.argParser((value: string, before: readonly string[] | undefined) => [...(before ?? []), value]);
  if (spec.hidden) made.hideHelp();
  return spec.choices ? made.choices(spec.choices) : made;
}
