import { ANSWER_EXITS, ANSWER_OPTIONS, answer, FORMAT_OPTION, formatOf, optionsOf } from '../answer.ts';
import { instantOf } from '../../store/clock.ts';
import { userName } from '../actor.ts';
import { type CommandDetails, flag, type Given, type OptionSpec, text } from '../command.ts';
import { FILTER_OPTIONS, filtersOf } from '../filters.ts';
import { listFormat } from '../render/list.ts';
import { printer, rowSink } from '../render/rows.ts';
import { SPAN_OPTIONS, spanOf } from '../span.ts';
import { readCount, readList, readZone, usage } from '../values.ts';

const columnNames = async (): Promise<readonly string[]> =>
  (await import('../../record/schema.ts')).VIEW_NAMES;

const COLUMNS_OPTION: OptionSpec = {
  flags: '--columns <LIST>',
  about: 'which columns',
  suggests: columnNames,
  isList: true,
};

export const searchCommand: CommandDetails = {
  description: [
    'Print the records for which all that is given holds, in order of time. A terminal gets the columns that matter most, a pipe all of them; --columns chooses.',
    'A user or an address is also found where records keep them hashed, if the record key is on this host.',
    '--follow goes on with what comes: records of running ingests appear once they are on disk for good, and once only.',
  ],
  arguments: [],
  options: [
    ...FILTER_OPTIONS,
    ...SPAN_OPTIONS,
    COLUMNS_OPTION,
    {
      flags: '--sort <LIST>',
      about: 'by these columns, - before one for descending',
      default: 'ts',
      suggests: columnNames,
      isList: true,
    },
    { flags: '--limit <N>', about: 'no more than so many' },
    { flags: '--count', about: 'only how many' },
    {
      flags: '--group-by <LIST>',
      about: 'counts by columns, or by minute, hour, day, week, month',
      suggests: async () => [...(await import('../../search/search.ts')).UNITS, ...(await columnNames())],
      isList: true,
    },
    { flags: '--follow', about: 'go on as records come, until interrupted' },
    FORMAT_OPTION,
    ...ANSWER_OPTIONS,
  ],
  examples: [
    {
      command: 'slmaudit search --api-key key-7 --since "last tuesday" --until "last wednesday"',
      about: 'what a key did on Tuesday',
    },
    {
      command: 'slmaudit search --ip 203.0.113.0/24 --group-by user_id,status',
      about: 'who came from there',
    },
    { command: 'slmaudit search --prompt-file leaked.txt', about: 'who sent this prompt' },
    {
      command: 'slmaudit search --api-key-file - --group-by client_ip,user_id < key.txt',
      about: 'from where a leaked key was used',
    },
    { command: 'slmaudit search --status denied --follow', about: 'refusals as they come' },
  ],
  exits: ANSWER_EXITS,
  async run(given, context) {
    const { conditionOf } = await import('../../search/conditions.ts');
    const { briefOf, searchQuestion } = await import('../../search/search.ts');
    const store = context.openStore();
    const filters = await filtersOf(given, store, context.stdin);
    const condition = conditionOf(filters);
    const list = (name: string): readonly string[] | undefined =>
      text(given, name)?.split(',').filter(Boolean);
    const [columns, sort, groupBy] = [list('columns'), list('sort'), list('groupBy')];
    const limit = text(given, 'limit');
    const asTable = formatOf(given, context) === 'table';
    const shown = columns ?? (asTable ? briefOf(context.width) : undefined);
    const zone = readZone(text(given, 'zone'));
    const shape = {
      ...(shown && { columns: shown }),
      ...(sort && { sort }),
      ...(groupBy && { groupBy }),
      ...(limit !== undefined && { limit: readCount(limit, '--limit') }),
      count: flag(given, 'count'),
      ...(zone !== undefined && { zone }),
    };
    const span = spanOf(given, context);
    if (flag(given, 'follow')) {
      if (
        flag(given, 'count') ||
        groupBy ||
        sort ||
        limit !== undefined ||
        text(given, 'output') !== undefined
      )
        throw usage('--follow goes with filters, --columns and --format alone');
      const { follow } = await import('../../search/follow.ts');
      const format = listFormat(given, context.terminal);
      const print = printer(context.stdout);
      const asker = { verb: 'search', user: userName(), at: instantOf(Date.now()) };
      await follow(
        store,
        condition,
        { columns: shown, span, options: optionsOf(given, context), asker },
        () => rowSink(format, print, { width: context.width }),
      );
      return 0;
    }
    const question = { ...searchQuestion(condition, shape), ...span };
    const onNone = async (): Promise<readonly string[]> => {
      const { nearValues } = await import('../../search/near.ts');
      return nearValues(store, filters, optionsOf(given, context));
    };
    return answer(given, context, store, { verb: 'search', question, onNone });
  },
};

export const contextCommand: CommandDetails = {
  description: [
    'Print the records nearest in time to one that is named by its event id or its seq. `away` says how far each is from it; 0 is the record itself.',
    'With --same, only records that share its user, address, session, prompt or key are counted.',
  ],
  arguments: [{ name: 'EVENT_ID', about: 'an event id, or a seq' }],
  options: [
    { flags: '-B, --before <N>', about: 'records before it', default: '5' },
    { flags: '-A, --after <N>', about: 'records behind it', default: '5' },
    {
      flags: '--same <LIST>',
      about: 'that share its user, ip, session, prompt or key',
      suggests: async () => Object.keys((await import('../../search/context.ts')).SAME),
      isList: true,
    },
    COLUMNS_OPTION,
    FORMAT_OPTION,
    ...ANSWER_OPTIONS,
  ],
  examples: [
    { command: 'slmaudit context 41 -B 10 -A 0 --same user', about: 'how the user of record 41 came to it' },
  ],
  exits: ANSWER_EXITS,
  async run(given, context) {
    const { contextQuestion, placeQuestion, SAME } = await import('../../search/context.ts');
    const { briefOf, named } = await import('../../search/search.ts');
    const store = context.openStore();
    const same = text(given, 'same');
    const columns = text(given, 'columns')?.split(',').filter(Boolean);
    for (const column of columns ?? []) named(column);
    const asTable = formatOf(given, context) === 'table';
    const around = {
      before: countOf(given, 'before'),
      after: countOf(given, 'after'),
      same: same === undefined ? [] : (readList(same, '--same', Object.keys(SAME)) as (keyof typeof SAME)[]),
      columns: columns ?? (asTable ? briefOf(context.width) : undefined),
    };
    const [name] = given.args;
    return answer(given, context, store, {
      verb: 'context',
      question: placeQuestion(name!),
      next: () => contextQuestion(store, name!, around, optionsOf(given, context)),
    });
  },
};

const countOf = (given: Given, name: 'before' | 'after'): number =>
  readCount(text(given, name) ?? '5', `--${name}`, 0);
