import {
  type ArgumentSpec,
  type Asked,
  type CommandSpec,
  type Listed,
  type OptionSpec,
  type Suggestion,
  wholeOf,
} from './command.ts';
import type { Store } from '../store/store.ts';
import { GLOBAL_OPTIONS, GROUPS } from './program.ts';

/** What can stand in the place of the last word of a line. */
export interface Completion {
  /** As far as it is typed; every suggestion begins with it. */
  readonly word: string;
  readonly suggestions: readonly Suggestion[];
  /** What the shell may offer where there are none. */
  readonly otherwise: 'files' | 'folders' | 'nothing';
}

type Found = Omit<Completion, 'word'>;

const NOTHING: Found = { suggestions: [], otherwise: 'nothing' };
const HELP: OptionSpec = { flags: '-h, --help', about: 'print this help' };

/** `line`: as it was typed, up to the cursor, beginning with the program. */
export async function completed(
  line: string,
  commands: readonly Listed[],
  world: Pick<Asked, 'queriesFolder' | 'rulesFolder'>,
  storeAt: (store: string | undefined, keys: string | undefined) => Store,
): Promise<Completion> {
  const words = wordsOf(line);
  const word = words.at(-1) ?? '';
  const typed = await typedOf(words.slice(1, -1), commands);
  const { operands, values } = typed;
  const openStore = (): Store => storeAt(values['--store'], values['--keys']);
  const asked = { ...world, operands, openStore };
  const { suggestions, otherwise } = await found(word, typed, commands, asked);
  return { word, otherwise, suggestions: suggestions.filter(({ value }) => value.startsWith(word)) };
}

/** What stands before the last word. */
interface Typed {
  /** As far as they are those of a verb, or of a group. */
  readonly verbs: readonly string[];
  readonly spec: CommandSpec | undefined;
  readonly operands: readonly string[];
  readonly used: readonly OptionSpec[];
  /** Values of options, --store and --keys among them. */
  readonly values: Readonly<Record<string, string>>;
  /** An option that waits for its value. */
  readonly open: OptionSpec | undefined;
  /** Behind `--` nothing is an option. */
  readonly ended: boolean;
}

async function typedOf(words: readonly string[], commands: readonly Listed[]): Promise<Typed> {
  const [verbs, operands, used]: [string[], string[], OptionSpec[]] = [[], [], []];
  let spec: CommandSpec | undefined;
  const values: Record<string, string> = {};
  let open: OptionSpec | undefined;
  let ended = false;
  for (const word of words) {
    if (open) {
      values[namesOf(open).at(-1)!] = word;
      open = undefined;
    } else if (!ended && word === '--') ended = true;
    else if (!ended && word.startsWith('-') && word !== '-') {
      const option = optionsOf(spec).find(o => namesOf(o).includes(word.split('=', 1)[0]!));
      if (option) used.push(option);
      if (option && takesValue(option)) {
        if (word.includes('=')) values[namesOf(option).at(-1)!] = word.slice(word.indexOf('=') + 1);
        else open = option;
      }
    } else if (spec) operands.push(word);
    else {
      verbs.push(word);
      const listed = commands.find(c => c.name === verbs.join(' '));
      spec = listed && (await wholeOf(listed));
    }
  }
  return { verbs, spec, operands, used, values, open, ended };
}

async function found(
  word: string,
  { verbs, spec, operands, used, open, ended }: Typed,
  commands: readonly Listed[],
  asked: Asked,
): Promise<Found> {
  if (open) return valuesOf(open, word, asked);
  const [name, ...value] = word.split('=');
  if (!ended && word.startsWith('--') && value.length > 0) {
    const option = optionsOf(spec).find(o => namesOf(o).includes(name!));
    return option && takesValue(option) ? behind(`${name}=`, option, value.join('='), asked) : NOTHING;
  }
  if (!ended && word.startsWith('-') && word !== '-') {
    const left = optionsOf(spec).filter(o => !o.hidden && (o.many === true || !used.includes(o)));
    return { ...NOTHING, suggestions: left.map(o => ({ value: namesOf(o).at(-1)!, about: o.about })) };
  }
  if (!spec) return { ...NOTHING, suggestions: verbsBehind(verbs, commands) };
  const last = spec.arguments.at(-1);
  const argument = spec.arguments[operands.length] ?? (last?.many ? last : undefined);
  return argument ? valuesOf(argument, word, asked) : NOTHING;
}

async function behind(before: string, option: OptionSpec, word: string, asked: Asked): Promise<Found> {
  const { suggestions, otherwise } = await valuesOf(option, word, asked);
  return { otherwise, suggestions: suggestions.map(s => ({ ...s, value: before + s.value })) };
}

async function valuesOf(spec: OptionSpec | ArgumentSpec, word: string, asked: Asked): Promise<Found> {
  const choices = 'choices' in spec ? spec.choices : undefined;
  const known = choices ?? (await spec.suggests?.(asked)) ?? [];
  const suggestions = known.map(one => (typeof one === 'string' ? { value: one } : one));
  const holder = 'flags' in spec ? (/<(.*)>/.exec(spec.flags)?.[1] ?? '') : spec.name;
  const otherwise = /DIR/.test(holder)
    ? 'folders'
    : /FILE|PATH|SAMPLE|PIN|KEY/.test(holder)
      ? 'files'
      : 'nothing';
  return { otherwise, suggestions: spec.isList ? inList(suggestions, word) : suggestions };
}

/** Of a list only the last value is not there yet; `-` before a column of --sort says descending. */
function inList(suggestions: readonly Suggestion[], word: string): readonly Suggestion[] {
  const there = word.split(',').slice(0, -1);
  const before = there.map(value => `${value},`).join('');
  const minus = word.slice(before.length).startsWith('-') ? '-' : '';
  return suggestions
    .filter(({ value }) => !there.includes(value))
    .map(s => ({ ...s, value: `${before}${minus}${s.value}` }));
}

/** The words that may follow: of `report` those of its verbs, and the same behind `help`. */
function verbsBehind(all: readonly string[], commands: readonly Listed[]): readonly Suggestion[] {
  const isHelp = all[0] === 'help';
  const verbs = isHelp ? all.slice(1) : all;
  const next = new Map<string, string>();
  for (const { name, summary } of commands) {
    const words = name.split(' ');
    const word = words[verbs.length];
    if (word === undefined || !verbs.every((v, i) => v === words[i])) continue;
    next.set(word, words.length === verbs.length + 1 ? summary : (GROUPS[word] ?? ''));
  }
  if (all.length === 0) next.set('help', 'print help for a command');
  return [...next].map(([value, about]) => ({ value, about }));
}

const optionsOf = (spec: CommandSpec | undefined): readonly OptionSpec[] => [
  ...(spec?.options ?? []),
  ...GLOBAL_OPTIONS,
  HELP,
];

/** `-q`, `--quiet`. */
const namesOf = ({ flags }: OptionSpec): readonly string[] => flags.replace(/ <.*/, '').split(', ');

const takesValue = ({ flags }: OptionSpec): boolean => flags.includes('<');

/** Words as shells cut them; the last is the one that is being typed, and may be empty. */
function wordsOf(line: string): readonly string[] {
  const words: string[] = [];
  const pieces = /\s+|'([^']*)'?|"((?:[^"\\]|\\.)*)"?|\\(.?)|([^\s'"\\]+)/gs;
  let word: string | undefined = '';
  for (const [piece, single, double, escaped, plain] of line.trimStart().matchAll(pieces)) {
    if (/^\s/.test(piece)) {
      words.push(word);
      word = '';
    } else word += single ?? double?.replaceAll(/\\(["\\$`])/g, '$1') ?? escaped ?? plain ?? '';
  }
  words.push(word);
  // `NO_COLOR=1 slmaudit ...`
  while (words.length > 1 && /^\w+=/.test(words[0]!)) words.shift();
  return words;
}
