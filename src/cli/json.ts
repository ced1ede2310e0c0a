import type { CommandSpec, Context, Given, OptionSpec } from './command.ts';

/**
 * How every verb is asked for JSON: `--json`. Where --format says how things come out, it is the same as --format json; where --format
 * names what is read, it stands alone. A verb that says one thing rather than rows says in `json` what that is.
 */
export function withJson(spec: CommandSpec): CommandSpec {
  const format = spec.options.findIndex(isFormat);
  if (spec.json !== undefined) {
    const own = { flags: '--json', about: spec.json };
    return { ...spec, options: [...spec.options, own, ...(format === -1 ? [ALIAS] : [])] };
  }
  if (!isOutput(spec.options[format])) return spec;
  return { ...spec, options: spec.options.toSpliced(format + 1, 0, SAME) };
}

const SAME: OptionSpec = { flags: '--json', about: 'the same as --format json' };
/** Whoever has typed it once with `search` types it everywhere. */
const ALIAS: OptionSpec = {
  flags: '--format <FORMAT>',
  about: 'the same as --json',
  choices: ['json'],
  hidden: true,
};

const isFormat = (o: OptionSpec): boolean => o.flags.startsWith('--format ');

/** No input format is called json. */
const isOutput = (option: OptionSpec | undefined): boolean => option?.choices?.includes('json') === true;

/** What was typed, with both names of it where either was. */
export async function jsonGiven({ options: known }: CommandSpec, given: Given): Promise<Given> {
  if (!isOutput(known.find(isFormat))) return given;
  const { json, format } = given.options;
  if (json === true && format !== undefined && format !== 'json')
    throw (await import('./values.ts')).usage(
      `--json is --format json; it can't be ${String(format)} as well`,
    );
  if (json !== true && format !== 'json') return given;
  return { ...given, options: { ...given.options, json: true, format: 'json' } };
}

/** One thing, whole, on a line of its own. */
export const printJson = ({ stdout }: Pick<Context, 'stdout'>, thing: unknown): void =>
  void stdout.write(`${JSON.stringify(thing)}\n`);

/** Is an error to be one, too, even if nothing more of it could be understood? */
export const wantsJson = (argv: readonly string[]): boolean =>
  argv.some(
    (word, i) =>
      word === '--json' || word === '--format=json' || (word === 'json' && argv[i - 1] === '--format'),
  );
