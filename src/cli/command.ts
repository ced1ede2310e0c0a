import type { Readable, Writable } from 'node:stream';
import type { Store } from '../store/store.ts';
import { withJson } from './json.ts';
import type { Voice } from './voice.ts';

/**
 * One verb of the program. The table of these (commands.ts) makes the parser, `--help`, the man pages and the
 * completions, so that none of them can say what another doesn't.
 */
export interface CommandSpec extends CommandDetails {
  readonly name: string;
  /** One line, in the imperative. */
  readonly summary: string;
}

/** What the list of verbs says of one; the rest is loaded once it is asked for. */
export interface Listed extends Pick<CommandSpec, 'name' | 'summary'> {
  readonly details: () => Promise<CommandDetails>;
}

/** All of a verb. */
export const wholeOf = async ({ name, summary, details }: Listed): Promise<CommandSpec> =>
  withJson({ name, summary, ...(await details()) });

export interface CommandDetails {
  /** Paragraphs of the man page. */
  readonly description: readonly string[];
  readonly arguments: readonly ArgumentSpec[];
  readonly options: readonly OptionSpec[];
  /** What `--json` prints, of a verb that says one thing rather than rows. */
  readonly json?: string;
  /** A file that the verb reads, shown line by line. */
  readonly file?: { readonly about: string; readonly lines: readonly string[] };
  readonly examples: readonly { readonly command: string; readonly about: string }[];
  readonly exits: readonly (readonly [code: number, meaning: string])[];
  /** The answer is the exit code. */
  readonly run: (given: Given, context: Context) => Promise<number>;
}

export interface ArgumentSpec {
  readonly name: string;
  readonly about: string;
  readonly many?: true;
  readonly optional?: true;
  readonly suggests?: Suggests;
  readonly isList?: true;
}

/** What can stand somewhere, for completions. */
export interface Suggestion {
  readonly value: string;
  readonly about?: string;
}

/** Where and behind what a value is asked for. */
export interface Asked extends Pick<Context, 'queriesFolder' | 'rulesFolder' | 'openStore'> {
  readonly operands: readonly string[];
}

/** Values that are known, where others may be right too. */
export type Suggests = (
  asked: Asked,
) => readonly (string | Suggestion)[] | Promise<readonly (string | Suggestion)[]>;

export interface OptionSpec {
  /** As in `-q, --quiet` or `--source <NAME>`. */
  readonly flags: string;
  readonly about: string;
  readonly choices?: readonly string[];
  readonly suggests?: Suggests;
  /** Several, with commas between them. */
  readonly isList?: true;
  /** Works, and is told of by another. */
  readonly hidden?: true;
  /** May be given again and again. */
  readonly many?: true;
  /** What stands if it isn't given, for people. */
  readonly default?: string;
}

/** What was typed. */
export interface Given {
  readonly args: readonly string[];
  /** Names in camel case, as commander makes them. */
  readonly options: Readonly<Record<string, string | boolean | readonly string[] | undefined>>;
}

/** What a verb may touch of the world around it. */
export interface Context {
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly voice: Voice;
  /** Of this program, `X.Y.Z`. */
  readonly version: string;
  /** Is standard output a terminal? */
  readonly terminal: boolean;
  readonly storeFolder: string;
  readonly keysFolder: string;
  /** Columns of that terminal. */
  readonly width: number | undefined;
  /** Where verify remembers what it has seen. */
  readonly headsFolder: string;
  /** Where queries remember what they have verified. */
  readonly knownFolder: string;
  /** Where detect remembers what it has shown and sent. */
  readonly detectFolder: string;
  /** The user's own saved queries. */
  readonly queriesFolder: string;
  /** The user's own rules. */
  readonly rulesFolder: string;
  /** Throws NO_STORE and its like. */
  readonly openStore: () => Store;
  /** Aborted by SIGINT, SIGTERM and SIGHUP; `reason` is the name of the signal. */
  readonly signal: AbortSignal;
}

export function text(given: Given, name: string): string | undefined {
  const value = given.options[name];
  return typeof value === 'string' ? value : undefined;
}

/** Of an option that may be given again and again. */
export function texts(given: Given, name: string): readonly string[] {
  const value = given.options[name];
  return typeof value === 'object' ? value : [];
}

export const flag = (given: Given, name: string): boolean => given.options[name] === true;

/** The long name in camel case, as commander keys it: `--no-recovery` is `recovery`. */
export function optionKey(spec: OptionSpec): string {
  const long = /--(?:no-)?([a-z][a-z-]*)/.exec(spec.flags)![1]!;
  return long.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
