import { type CommandSpec, text } from '../command.ts';
import { printer, ROW_FORMATS, type RowFormat, rowSink } from '../render/rows.ts';
import { readSize, readSpan } from '../values.ts';

export const queryCommand: CommandSpec = {
  name: 'query',
  summary: 'ask the records in SQL',
  description: [
    'Run one SELECT, in the dialect of DuckDB, over the views `records`: everything that is sealed, and what running ingests have on disk; and `requests`: what a proxy and a model server each know of one request, brought together by id (join_confidence 1), else by time, path and outcome (0.9 or less). The digest of every payload is checked before it is read.',
    'The query runs in a process of its own, without access to other files, the network or the environment.',
    'Beside the columns of the audit schema there are seq (the place of a record in the log; NULL until it is sealed), latency_ms, ttft_ms, queue_ms and total_tokens.',
  ],
  arguments: [{ name: 'SQL', about: 'one SELECT' }],
  options: [
    {
      flags: '--format <FORMAT>',
      about: 'how rows come out',
      choices: ROW_FORMATS,
      default: 'table on a terminal, ndjson in a pipe',
    },
    { flags: '--timeout <SPAN>', about: 'stop after so long', default: 'never' },
    {
      flags: '--memory <SIZE>',
      about: "bound of the engine's buffers; beyond it spills to disk",
      default: '1GiB',
    },
  ],
  examples: [
    {
      command:
        'slmaudit query "select user_id, sum(output_tokens) from records group by 1 order by 2 desc limit 10"',
      about: 'who used most',
    },
    { command: 'slmaudit query "describe records"', about: 'the columns' },
    {
      command: 'slmaudit query "select * from records where ts >= \'2026-05-01\'" --format csv > may.csv',
      about: 'a span, for a spreadsheet',
    },
  ],
  exits: [
    [0, 'answered'],
    [1, 'something that was sealed has been altered; nothing was answered'],
    [2, 'the query could not be run'],
    [130, 'interrupted'],
  ],
  async run(given, { openStore, stdout, terminal, signal }) {
    const store = openStore();
    const { query } = await import('../../query/query.ts');
    const format = (text(given, 'format') ?? (terminal ? 'table' : 'ndjson')) as RowFormat;
    const timeout = text(given, 'timeout');
    const sink = rowSink(format, printer(stdout));
    const memory = readSize(text(given, 'memory') ?? '1GiB', '--memory');
    await query(
      store,
      {
        sql: given.args[0] ?? '',
        memory: `${Math.max(64, Math.floor(memory / 2 ** 20))}MiB`,
        signal,
        ...(timeout !== undefined && { timeoutMs: readSpan(timeout, '--timeout') }),
      },
      sink,
    );
    await sink.end();
    return 0;
  },
};
