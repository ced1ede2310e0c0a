import { readFileSync } from 'node:fs';
import type { Writable } from 'node:stream';
import type { Command } from 'commander';
import { AuditError, systemText } from '../errors.ts';
import type { CommandSpec, Context, Given } from './command.ts';
import { COMMANDS } from './commands.ts';
import { wantsJson } from './json.ts';
import { checkOutputs } from './outside.ts';
import {
  detectFolder,
  headsFolder,
  keysFolder,
  knownFolder,
  queriesFolder,
  rulesFolder,
  storeFolder,
} from './places.ts';
import { createProgram, parserExit } from './program.ts';
import { createVoice, type Paint, unobeyed } from './voice.ts';

/** From the command line to the exit code. Every error that ends the program ends here, and only here exit codes are made of them. */
export async function main(argv: readonly string[]): Promise<number> {
  let exit = 0;
  let given: Given = { args: [], options: {} };
  let paint: Paint | undefined;
  const asJson = wantsJson(argv);
  const voice = createVoice(process.stderr, () => ({
    quiet: given.options['quiet'] === true,
    json: asJson || given.options['json'] === true,
    terminal: process.stderr.isTTY,
    debug: process.env['SLMAUDIT_DEBUG'] !== undefined,
    paint,
  }));
  const output = watchOutput(process.stdout, error => void voice.error(error));
  // There is nowhere left to say it; the exit code stays that of what was asked.
  process.stderr.on('error', () => undefined);
  // Of what is thrown where nobody waits, Node makes exit code 1: that is the answer of a check that found something altered.
  process.on('uncaughtException', error => process.exit(voice.error(error)));
  const program = createProgram(COMMANDS, {
    version: version(),
    run: async (spec, all) => {
      given = all;
      paint = await colors();
      exit = await runCommand(spec, all, voice);
    },
  });
  let refused: string | undefined;
  program.configureOutput({ outputError: line => void (refused = line.replace(/^error: /, '').trim()) });
  inherit(program);
  try {
    if (argv.length === 0) {
      process.stdout.write(program.helpInformation());
      return 2;
    }
    await program.parseAsync(argv, { from: 'user' });
    return await output.exitAfter(exit);
  } catch (error) {
    const code = parserExit(error);
    if (code === 0) return await output.exitAfter(0);
    paint = await colors();
    if (code === undefined) return voice.error(await withHelp(error, verbIn(program, argv)));
    if (refused !== undefined) voice.error(await withHelp(await refusedAs(refused), verbIn(program, argv)));
    return await output.exitAfter(2);
  }
}

/** The words of the verb that was asked, as far as there is one. */
function verbIn(program: Command, argv: readonly string[]): string {
  const words: string[] = [];
  let at = program;
  for (const word of argv) {
    const next = at.commands.find(c => c.name() === word);
    if (!next) continue;
    at = next;
    words.push(word);
  }
  return words.join(' ');
}

/** What the parser says is a text. */
async function refusedAs(said: string): Promise<AuditError> {
  const { refusal } = await import('./refused.ts');
  return (await import('./values.ts')).usage(refusal(said));
}

/** Who was understood as far as the verb is told of its own help. */
async function withHelp(error: unknown, verb: string): Promise<unknown> {
  const { HELP_HINT, usage } = await import('./values.ts');
  if (verb === '' || verb === 'help' || !(error instanceof AuditError) || error.hint !== HELP_HINT)
    return error;
  const { message, cause } = error;
  return Object.assign(usage(message), {
    hint: `\`slmaudit help ${verb}\` says what it takes`,
    cause,
  });
}

/** Loaded only where something is said. */
async function colors(): Promise<Paint> {
  const { default: chalk, chalkStderr } = await import('chalk');
  // chalk doesn't know it (no-color.org).
  if (process.env['NO_COLOR']) chalk.level = chalkStderr.level = 0;
  return chalkStderr;
}

/**
 * What becomes of standard output, for every verb: a reader that has seen enough (`| head`) is no failure of what was asked,
 * any other trouble is told once and is exit code 2. Writers stop by themselves: see printer().
 */
function watchOutput(
  out: Writable,
  tell: (error: AuditError) => void,
): { exitAfter(exit: number): Promise<number> } {
  let failed = false;
  if ('isTTY' in out && out.isTTY === true) {
    const write = out.write.bind(out) as (chunk: unknown, ...more: unknown[]) => boolean;
    out.write = (chunk: unknown, ...more: unknown[]) =>
      write(typeof chunk === 'string' ? unobeyed(chunk) : chunk, ...more);
  }
  out.on('error', (error: Error & { code?: string }) => {
    if (failed || error.code === 'EPIPE') return;
    failed = true;
    tell(
      new AuditError('OUTPUT_UNWRITABLE', `cannot write to standard output: ${systemText(error)}`, {
        hint: 'make room there, or write to another place',
        cause: error,
      }),
    );
  });
  return {
    async exitAfter(exit) {
      // What was written last tells only then that it failed.
      if (!failed && out.writableLength === 0) await new Promise(resolve => setImmediate(resolve));
      else if (!failed) await new Promise<void>(resolve => out.write('', () => resolve()));
      return failed ? 2 : exit;
    },
  };
}

function inherit(parent: Command): void {
  for (const command of parent.commands) inherit(command.copyInheritedSettings(parent));
}

async function runCommand(spec: CommandSpec, given: Given, voice: Context['voice']): Promise<number> {
  const stop = new AbortController();
  const folder = storeFolder(text(given.options['store']), process.env);
  const keys = keysFolder(text(given.options['keys']), process.env);
  checkOutputs(given, [folder, keys]);
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const listeners = signals.map(name => [name, () => stop.abort(name)] as const);
  for (const [name, listener] of listeners) process.once(name, listener);
  // Help needs no store.
  const { openStore } = await import('../store/store.ts');
  try {
    return await spec.run(given, {
      stdin: process.stdin,
      stdout: process.stdout,
      voice,
      version: version(),
      terminal: process.stdout.isTTY,
      storeFolder: folder,
      keysFolder: keys,
      width: process.stdout.isTTY ? process.stdout.columns : undefined,
      headsFolder: headsFolder(process.env),
      knownFolder: knownFolder(process.env),
      detectFolder: detectFolder(process.env),
      queriesFolder: queriesFolder(process.env),
      rulesFolder: rulesFolder(process.env),
      openStore: () => openStore(folder, keys),
      signal: stop.signal,
    });
  } finally {
    for (const [name, listener] of listeners) process.off(name, listener);
  }
}

function version(): string {
  const pkg = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return pkg.version;
}

const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
