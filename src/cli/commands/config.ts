import { instantOf } from '../../store/clock.ts';
import type { SETTINGS } from '../../store/settings.ts';
import { userName } from '../actor.ts';
import { type CommandDetails, flag, text } from '../command.ts';
import { printJson } from '../json.ts';
import { listFormat } from '../render/list.ts';
import { printer, ROW_FORMAT_OPTION, rowSink } from '../render/rows.ts';

const settings = async (): Promise<typeof SETTINGS> => (await import('../../store/settings.ts')).SETTINGS;

export const configCommand: CommandDetails = {
  description: [
    'Without arguments, list all settings with what they mean; with a NAME, print its value; with a VALUE, set it. A change is kept as a record (event_type admin, operation config) that the next writer seals.',
    'log-queries on: each query, search, context, export, coverage, report, detect, pack and rerun of a receipt becomes a record before its first row comes: who asked, what with which parameters, how many rows, the digest of the receipt. Secrets of known forms are taken out of it. Whoever can not write that record can not ask.',
    'Settings lie in a file of the store that is not signed: who may write the store may change it by hand, and only the change that is made here leaves a record.',
  ],
  arguments: [
    {
      name: 'NAME',
      about: 'a setting',
      optional: true,
      suggests: async () =>
        Object.entries(await settings()).map(([name, { about }]) => ({ value: name, about })),
    },
    {
      name: 'VALUE',
      about: 'what it is to be',
      optional: true,
      suggests: async ({ operands: [name = ''] }) =>
        Object.entries(await settings()).find(([setting]) => setting === name)?.[1].values ?? [],
    },
  ],
  options: [ROW_FORMAT_OPTION],
  examples: [
    { command: 'slmaudit config log-queries on', about: 'from now on who asks is in the log too' },
    {
      command: 'slmaudit search --type admin --columns ts,user_id,operation,status,extra',
      about: 'who asked what',
    },
  ],
  exits: [
    [0, 'listed, or set'],
    [2, 'no such setting or value, or the store can not be written'],
  ],
  async run(given, context) {
    const { changeSetting, settingsOf } = await import('../../config/config.ts');
    const { stdout, terminal, voice, width } = context;
    const [name, value] = given.args;
    const store = context.openStore();
    if (name !== undefined && value !== undefined) {
      const before = changeSetting(store, name, value, { user: userName(), at: instantOf(Date.now()) });
      if (flag(given, 'json')) printJson(context, { name, value, before });
      else voice.say(before === value ? `${name} is ${value} already` : `${name} ${value}; it was ${before}`);
      return 0;
    }
    const listed = settingsOf(store, name);
    const format = text(given, 'format');
    if (name !== undefined && format === undefined) {
      stdout.write(`${listed[0]!.value}\n`);
      return 0;
    }
    const sink = rowSink(listFormat(given, terminal), printer(stdout), { width });
    await sink.columns(['name', 'value', 'about'].map(column => ({ name: column, numeric: false })));
    await sink.rows(listed.map(s => [s.name, s.value, s.about]));
    await sink.end();
    return 0;
  },
};
