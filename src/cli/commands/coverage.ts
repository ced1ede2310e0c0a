import type { Coverage } from '../../coverage/report.ts';
import { instantOf } from '../../store/clock.ts';
import { userName } from '../actor.ts';
import { optionsOf } from '../answer.ts';
import { listFormat, printRows } from '../render/list.ts';
import { SPAN_OPTIONS, spanOf } from '../span.ts';
import { type CommandDetails, flag, text } from '../command.ts';
import { coverageLines, dayRows, silenceRows } from '../render/coverage.ts';
import { printer, ROW_FORMAT_OPTION } from '../render/rows.ts';
import { readSpan, readZone } from '../values.ts';
import { printable } from '../voice.ts';

/** What a terminal that has no room for all of it shows of days. */
const DAYS_BRIEFLY = [
  ['source', 'day', 'sealed', 'pruned', 'redacted', 'held', 'rejected', 'silences', 'silent_s'],
  ['source', 'day', 'sealed', 'rejected', 'silent_s'],
] as const;

export const coverageCommand: CommandDetails = {
  description: [
    'Say, by source and day, when the first and the last event came, how many records were sealed, and how many of these were deleted as recorded (pruned), redacted, or are under a hold now; how many lines were rejected; and when nothing came. A few lines come first: on standard output above a table, else on standard error. --json is one object with all of it.',
    'A silence is a time in which a source sent nothing: longer than an hour, and than twice what its longest gap of a day usually is once it came on a week of days. --silence says another length, for all. `alive` says if the log was written meanwhile, by heartbeats or for other sources: if it was, nothing came; if not, nobody was listening, or the records were read later from a file. Pauses of the log itself are told in the same way.',
    'Records are counted from the files, whose digests are checked. Of those that were deleted, only what their manifests say is known: `known` is manifests then, days may be a range, and times bound all sources of a segment. Rejected lines have no time: they are on the day of the newest record that was sealed with them. Of a source that stopped for good before --until, no silence is told; name it with --source to have it looked at.',
  ],
  arguments: [],
  options: [
    ...SPAN_OPTIONS,
    { flags: '--source <NAME>', about: 'only this source' },
    {
      flags: '--silence <SPAN>',
      about: 'what is long enough to be a silence, or a pause of the log',
      default: '1h (2h of the log), or twice the usual',
    },
    { flags: '--silences', about: 'list the silences instead of the days' },
    ROW_FORMAT_OPTION,
    { flags: '--timeout <SPAN>', about: 'stop after so long', default: '5m' },
  ],
  examples: [
    { command: 'slmaudit coverage --since 2026-05-01 --until 2026-06-01', about: 'a month' },
    {
      command: 'slmaudit coverage --since 7d --silences --silence 15m',
      about: 'every quarter of an hour without a line',
    },
    { command: 'slmaudit coverage --json | jq .log.pauses', about: 'when nobody was listening' },
  ],
  exits: [
    [0, 'said'],
    [1, 'something that was sealed has been altered'],
    [2, 'it could not be answered, or not in time'],
    [130, 'interrupted'],
  ],
  async run(given, context) {
    const { coverage } = await import('../../coverage/coverage.ts');
    const { beginLogged } = await import('../../query/logged.ts');
    const store = context.openStore();
    const span = spanOf(given, context);
    const source = text(given, 'source');
    const silence = text(given, 'silence');
    const format = listFormat(given, context.terminal);
    const now = instantOf(Date.now());
    const question = { sql: 'coverage', parameters: source === undefined ? {} : { source }, ...span };
    const logged = beginLogged(store, { verb: 'coverage', question, user: userName(), at: now });
    let report: Coverage;
    try {
      report = await coverage(store, {
        ...span,
        ...(source !== undefined && { source }),
        ...(silence !== undefined && { silence: readSpan(silence, '--silence') * 1000 }),
        zone: readZone(text(given, 'zone')) ?? 'UTC',
        now,
        query: optionsOf(given, context),
      });
    } catch (error) {
      logged?.end(context.signal.aborted ? 'cancelled' : 'error', { rows: 0 });
      throw error;
    }
    logged?.end('ok', { rows: report.days.length });
    const print = printer(context.stdout);
    if (format === 'json') {
      await print(`${JSON.stringify(report)}\n`);
      return 0;
    }
    const lines = coverageLines(report).map(printable);
    if (format === 'table') await print(`${lines.join('\n')}\n\n`);
    else for (const line of lines) context.voice.say(line);
    const listed = flag(given, 'silences') ? silenceRows(report.silences) : dayRows(report.days);
    await printRows(given, context, listed, flag(given, 'silences') ? [] : DAYS_BRIEFLY);
    return 0;
  },
};
