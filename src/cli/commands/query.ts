import { ANSWER_EXITS, ANSWER_OPTIONS, answer, FORMAT_OPTION } from '../answer.ts';
import { type CommandDetails, type Context, flag, type Given, text, texts } from '../command.ts';
import type { SavedQuery } from '../../query/saved.ts';
import { printer, type RowFormat, rowSink } from '../render/rows.ts';
import { inLines } from '../render/words.ts';
import { SPAN_OPTIONS, spanOf } from '../span.ts';
import { usage } from '../values.ts';
import { printable } from '../voice.ts';

const savedIn = async (folder: string): Promise<readonly SavedQuery[]> =>
  (await import('../../query/saved.ts')).savedQueries(folder);

export const queryCommand: CommandDetails = {
  description: [
    'Run one SELECT, in the dialect of DuckDB, over the views `records`: everything that is sealed, and what running ingests have on disk; `requests`: what a proxy and a model server each know of one request, brought together by id (join_confidence 1), else by time, path and outcome (0.9 or less); `segments`, `entries` and `quarantine`: what the log says of itself. The digest of every payload is checked before it is read.',
    'SQL can be an argument, a file (-f), standard input (-), or saved under a name: `@NAME`. --list shows those; your own are files NAME.sql in the XDG config folder, slmaudit/queries, whose first comment lines say what they do and what parameters they have (`-- param top = 20: how many`).',
    'The query runs in a process of its own, with limits on memory, time and files, without access to other files, the network or the environment. It may call functions that depend on their arguments alone.',
    'Beside the columns of the audit schema there are seq (the place of a record in the log; NULL until it is sealed), latency_ms, ttft_ms, queue_ms and total_tokens. Hashes are hex text and event ids UUID text, so that what was printed can be pasted into a WHERE. ip_key(client_ip) sorts addresses as they do.',
    'For people, a list of numbers is drawn as a sparkline and a column called bar, or something_bar, as bars.',
  ],
  arguments: [
    {
      name: 'SQL',
      about: 'one SELECT, @NAME of a saved query, or - for standard input',
      optional: true,
      suggests: async ({ queriesFolder }) =>
        (await savedIn(queriesFolder)).map(({ name, about }) => ({ value: `@${name}`, about })),
    },
  ],
  options: [
    { flags: '-f, --file <FILE>', about: 'read the SQL from there' },
    {
      flags: '--param <NAME=VALUE>',
      about: 'the value of a parameter $NAME; again for more',
      many: true,
      suggests: async ({ queriesFolder, operands: [said] }) =>
        ((await savedIn(queriesFolder)).find(q => `@${q.name}` === said)?.parameters ?? []).map(p => ({
          value: `${p.name}=`,
          about: p.about,
        })),
    },
    { flags: '--list', about: 'list the saved queries' },
    ...SPAN_OPTIONS,
    FORMAT_OPTION,
    ...ANSWER_OPTIONS,
  ],
  examples: [
    {
      command:
        'slmaudit query "select user_id, sum(output_tokens) from records group by 1 order by 2 desc limit 10"',
      about: 'who used most',
    },
    { command: 'slmaudit query @usage-by-user --since 7d', about: 'the same, saved, of a week' },
    { command: 'slmaudit query "describe records"', about: 'the columns' },
    {
      command: 'slmaudit query "select * from records" --since 2026-05-01 --until 2026-06-01 -o may.csv',
      about: 'a month, for a spreadsheet',
    },
  ],
  exits: ANSWER_EXITS,
  async run(given, context) {
    if (flag(given, 'list')) return list(given, context);
    const { sql, parameters, title } = await asked(given, context);
    const span = spanOf(given, context);
    const question = { sql, parameters, ...span };
    return answer(given, context, context.openStore(), { verb: 'query', question, ...(title && { title }) });
  },
};

async function list(given: Given, { queriesFolder, terminal, width, stdout }: Context): Promise<number> {
  const all = await savedIn(queriesFolder);
  const format = text(given, 'format') ?? (terminal ? 'table' : 'ndjson');
  const print = printer(stdout);
  if (format === 'table') {
    await print(await listing(all, width ?? 100));
    return 0;
  }
  if (format === 'parquet') throw usage('--list is no answer that parquet is for; csv and json are');
  const sink = rowSink(format as RowFormat, print, { title: 'saved queries' });
  await sink.columns(['name', 'about', 'parameters', 'whose'].map(name => ({ name, numeric: false })));
  await sink.rows(all.map(q => [`@${q.name}`, q.about, parametersOf(q), q.own ? 'yours' : 'shipped']));
  await sink.end();
  return 0;
}

const parametersOf = ({ parameters }: SavedQuery): string =>
  parameters.map(p => (p.default === undefined ? p.name : `${p.name}=${p.default}`)).join(' ');

/** For people: names beside what each answers, in as many lines as it takes, and its parameters below. */
async function listing(all: readonly SavedQuery[], width: number): Promise<string> {
  const { default: chalk } = await import('chalk');
  const side = Math.max(0, ...all.map(q => q.name.length)) + 3;
  const room = Math.max(20, width - side);
  const lines = all.map(q => {
    const parameters = parametersOf(q);
    const about = [
      ...inLines(printable(q.own ? `${q.about} (yours)` : q.about), room),
      ...(parameters === '' ? [] : inLines(printable(parameters), room).map(line => chalk.dim(line))),
    ];
    return about.map(
      (line, i) => (i === 0 ? chalk.bold(`@${q.name}`.padEnd(side)) : ' '.repeat(side)) + line,
    );
  });
  return `${lines.flat().join('\n')}\n`;
}

interface Asked {
  readonly sql: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly title?: string;
}

async function asked(given: Given, context: Context): Promise<Asked> {
  const [said] = given.args;
  const file = text(given, 'file');
  if ((said === undefined) === (file === undefined))
    throw usage('give the SQL, or @NAME of a saved query, or a file with -f; --list shows saved queries');
  const parameters = Object.fromEntries(texts(given, 'param').map(parameter));
  if (file !== undefined) return { sql: await readSql(file, context), parameters };
  if (said === '-') return { sql: await readSql('-', context), parameters };
  if (!said!.startsWith('@')) return { sql: said!, parameters };
  const { savedQuery } = await import('../../query/saved.ts');
  const saved = savedQuery(context.queriesFolder, said!.slice(1));
  const unknown = Object.keys(parameters).find(name => !saved.parameters.some(p => p.name === name));
  const known = saved.parameters.map(p => p.name).join(', ');
  if (unknown !== undefined)
    throw usage(`@${saved.name} has no parameter "${unknown}"; it has ${known === '' ? 'none' : known}`);
  const absent = saved.parameters.find(p => p.default === undefined && parameters[p.name] === undefined);
  if (absent) throw usage(`@${saved.name} needs --param ${absent.name}=VALUE: ${absent.about}`);
  const defaults = Object.fromEntries(saved.parameters.map(p => [p.name, p.default ?? '']));
  return { sql: saved.sql, parameters: { ...defaults, ...parameters }, title: saved.about };
}

function parameter(given: string): readonly [string, string] {
  const at = given.indexOf('=');
  if (at <= 0) throw usage(`--param takes NAME=VALUE, not "${given}"`);
  return [given.slice(0, at).replace(/^\$/, ''), given.slice(at + 1)];
}

const MOST_SQL_BYTES = 16 << 20;

async function readSql(from: string, { stdin }: Context): Promise<string> {
  const { readInput } = await import('../input.ts');
  const hint = 'name a file that holds one SELECT';
  return (await readInput(from, stdin, { maxBytes: MOST_SQL_BYTES, hint })).toString('utf8');
}
