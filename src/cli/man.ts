import type { CommandSpec, OptionSpec } from './command.ts';
import { ABOUT, GLOBAL_OPTIONS } from './program.ts';

/** Manual pages in man(7), made from the table of commands: `slmaudit.1` and one for each verb. */
export function manPages(commands: readonly CommandSpec[], version: string): Map<string, string> {
  const pages = new Map<string, string>([['slmaudit.1', overview(commands, version)]]);
  for (const spec of commands) pages.set(`${pageOf(spec)}.1`, page(spec, commands, version));
  return pages;
}

/** Of every command; its own page says which it has. */
const EXITS = [
  [0, 'good'],
  [1, 'altered; or, where --fail-on was given, found'],
  [2, 'could not check it or do it'],
  [3, 'done, with some input in quarantine'],
  [4, 'intact, but checked against no pin or rekeyed'],
  [75, 'another writer holds the lock'],
  [130, 'interrupted, and consistent'],
] as const;

/** `map test` has slmaudit-map-test(1). */
const pageOf = (spec: CommandSpec): string => `slmaudit-${spec.name.replaceAll(' ', '-')}`;

function overview(commands: readonly CommandSpec[], version: string): string {
  return [
    header('slmaudit', version),
    section('NAME', `slmaudit \\- ${escape(ABOUT.replace(/\.$/, ''))}`),
    section('SYNOPSIS', '.B slmaudit\n.I command\n[options] [arguments]'),
    section('COMMANDS', commands.map(c => item(bold(pageOf(c)) + '(1)', c.summary)).join('\n')),
    section('OPTIONS', options(GLOBAL_OPTIONS)),
    section(
      'OUTPUT',
      [
        'Data is on standard output, messages on standard error. Lists and answers are tables on a terminal and NDJSON in a pipe, unless --format says otherwise.',
        'With --json, whatever a command has to say to a program is JSON, and so are errors: an object with code, message and hint. Where --format says how things come out, --json is --format json; with ingest, formats and quarantine retry it names the input.',
      ]
        .map(escape)
        .join('\n.PP\n'),
    ),
    section('EXIT STATUS', EXITS.map(([code, meaning]) => item(bold(String(code)), meaning)).join('\n')),
    section(
      'FILES',
      [
        item('$XDG_DATA_HOME/slmaudit/store', 'the store'),
        item('$XDG_CONFIG_HOME/slmaudit/keys', 'keys, a folder a log; leave its epoch out of backups'),
        item('$XDG_CONFIG_HOME/slmaudit/queries, rules', 'saved queries and rules of your own'),
        item('$XDG_STATE_HOME/slmaudit', 'what verify, queries and detect remember'),
      ].join('\n'),
    ),
    section(
      'ENVIRONMENT',
      [
        item(bold('SLMAUDIT_STORE'), 'the store, where --store is not given'),
        item(bold('SLMAUDIT_KEYS'), "the folder of all stores' keys, where --keys is not given"),
        item(bold('NO_COLOR'), 'no colors'),
        item(bold('SLMAUDIT_DEBUG'), 'errors with the place in the program where they arose'),
      ].join('\n'),
    ),
  ].join('\n');
}

function page(spec: CommandSpec, commands: readonly CommandSpec[], version: string): string {
  const args = spec.arguments.map(a =>
    a.optional ? `[${a.name}${a.many ? '...' : ''}]` : a.name + (a.many ? '...' : ''),
  );
  const parts = [
    header(pageOf(spec), version),
    section('NAME', `${escape(pageOf(spec))} \\- ${escape(spec.summary)}`),
    section(
      'SYNOPSIS',
      `.B slmaudit ${spec.name}\n[options]${args.length > 0 ? `\n.I ${escape(args.join(' '))}` : ''}`,
    ),
    section('DESCRIPTION', spec.description.map(escape).join('\n.PP\n')),
    section('OPTIONS', options([...spec.options, ...GLOBAL_OPTIONS])),
    section('EXIT STATUS', spec.exits.map(([code, meaning]) => item(bold(String(code)), meaning)).join('\n')),
  ];
  if (spec.file) {
    const shown = spec.file.lines.map(escape).join('\n');
    parts.push(section('FILES', `${escape(spec.file.about)}:\n.PP\n.nf\n.RS\n${shown}\n.RE\n.fi`));
  }
  if (spec.examples.length > 0) {
    const shown = spec.examples.map(
      e => `${escape(e.about)}:\n.PP\n.nf\n.RS\n${escape(e.command)}\n.RE\n.fi`,
    );
    parts.push(section('EXAMPLES', shown.join('\n.PP\n')));
  }
  const others = commands.filter(c => c !== spec).map(c => `.BR ${pageOf(c)} (1)`);
  parts.push(section('SEE ALSO', ['.BR slmaudit (1)', ...others].join(',\n')));
  return parts.join('\n');
}

const header = (name: string, version: string): string =>
  `.TH ${name.toUpperCase()} 1 "" "slmaudit ${version}" "slmaudit"`;
const section = (name: string, body: string): string => `.SH ${name}\n${body}`;
const item = (term: string, about: string): string => `.TP\n${term}\n${escape(about)}`;
const bold = (text: string): string => `\\fB${escape(text)}\\fR`;

function options(specs: readonly OptionSpec[]): string {
  const body = specs
    .filter(o => !o.hidden)
    .map(o => {
      const choices = o.choices ? ` (${o.choices.join(', ')})` : '';
      return item(
        bold(o.flags),
        `${o.about}${choices}${o.default === undefined ? '' : `. Default: ${o.default}`}`,
      );
    });
  return [...body, item(bold('-h, --help'), 'print help')].join('\n');
}

/** Backslashes and hyphens are commands of roff; so is a dot or a quote that begins a line. */
function escape(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll(/^([.'])/gm, '\\&$1');
}
