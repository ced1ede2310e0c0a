import { once } from 'node:events';
import { type CommandSpec, text } from '../command.ts';
import { printer, ROW_FORMATS, type RowFormat, rowSink } from '../render/rows.ts';
import { counted, usage } from '../values.ts';
import { printable } from '../voice.ts';

const COLUMNS = ['id', 'sealed_at', 'reason', 'source', 'line', 'offset', 'length'] as const;
const NUMERIC: ReadonlySet<string> = new Set(['line', 'offset', 'length']);

export const quarantineListCommand: CommandSpec = {
  name: 'quarantine list',
  summary: 'list the lines that were rejected',
  description: [
    'List every line that could not be read, with its reason and its place: source, number of the line (in this source; of a pipe, in that run), offset and length in bytes. What a line held is encrypted; `slmaudit quarantine show` opens one.',
    'Lines of running ingests are listed once they are sealed. The digest of every quarantine file is checked before it is read.',
  ],
  arguments: [],
  options: [
    { flags: '--reason <REASON>', about: 'those of this reason only, such as not_json or no_time' },
    { flags: '--source <NAME>', about: 'those of this source only' },
    {
      flags: '--format <FORMAT>',
      about: 'how rows come out',
      choices: ROW_FORMATS,
      default: 'table on a terminal, ndjson in a pipe',
    },
  ],
  examples: [
    { command: 'slmaudit quarantine list --reason unknown_format', about: 'what a --map could read' },
  ],
  exits: [
    [0, 'listed'],
    [1, 'a quarantine file was altered or is missing'],
    [2, 'could not be read'],
  ],
  async run(given, { openStore, stdout, terminal }) {
    const { rejectedLines } = await import('../../quarantine/quarantine.ts');
    const format = (text(given, 'format') ?? (terminal ? 'table' : 'ndjson')) as RowFormat;
    const [reason, source] = [text(given, 'reason'), text(given, 'source')];
    const sink = rowSink(format, printer(stdout));
    await sink.columns(COLUMNS.map(name => ({ name, numeric: NUMERIC.has(name) })));
    for (const r of rejectedLines(openStore())) {
      if ((reason !== undefined && r.reason !== reason) || (source !== undefined && r.source !== source))
        continue;
      const more = await sink.rows([[r.id, r.sealedAt, r.reason, r.source, r.line, r.offset, r.length]]);
      if (!more) break;
    }
    await sink.end();
    return 0;
  },
};

export const quarantineShowCommand: CommandSpec = {
  name: 'quarantine show',
  summary: 'show what a rejected line held',
  description: [
    'Decrypt a rejected line with the record key and print it: the bytes as they came in a pipe or a file, with control characters made visible on a terminal. Of a line over 64 KiB only the beginning was kept.',
    'A line may hold prompts and keys in the clear: this is the one verb that shows them.',
  ],
  arguments: [{ name: 'ID', about: 'as `quarantine list` prints it' }],
  options: [],
  examples: [
    { command: 'slmaudit quarantine show 3.1 | jq .', about: 'the first rejected line of segment 3' },
  ],
  exits: [
    [0, 'shown'],
    [1, 'the quarantine file was altered or is missing'],
    [2, 'no such line, or no key that opens it'],
  ],
  async run(given, { openStore, stdout, terminal, voice }) {
    const { openRejected } = await import('../../quarantine/quarantine.ts');
    const [id] = given.args;
    if (id === undefined) throw usage('name a line, as `slmaudit quarantine list` prints it');
    const { about, raw } = openRejected(openStore(), id);
    const { reason, source, line, length } = about;
    voice.say(`${reason}: line ${line} of ${source}, ${counted(length, 'byte')}`);
    if (raw.length < length) voice.warn(`${counted(raw.length, 'byte')} of it were kept`);
    const shown = terminal ? `${printable(raw.toString('utf8'))}\n` : Buffer.concat([raw, Buffer.from('\n')]);
    if (!stdout.write(shown)) await once(stdout, 'drain');
    return 0;
  },
};
