import { isUtf8 } from 'node:buffer';
import { once } from 'node:events';
import { FORMAT_NAMES } from '../../normalize/names.ts';
import type { Meant } from '../../quarantine/quarantine.ts';
import type { Retry } from '../../quarantine/retry.ts';
import { type CommandDetails, type Context, flag, type Given, type OptionSpec, text } from '../command.ts';
import { printJson } from '../json.ts';
import { listFormat } from '../render/list.ts';
import { printer, ROW_FORMAT_OPTION, rowSink } from '../render/rows.ts';
import { SPAN_OPTIONS, spanOf, zones } from '../span.ts';
import { counted, grouped, readCount, readZone, usage } from '../values.ts';
import { printable } from '../voice.ts';
import { PRIVACY_OPTIONS, readPrivacy } from '../privacy.ts';
import { LONG_LOCK_WAIT_OPTION, lockWaitOf } from '../writing.ts';

const COLUMNS = [
  'id',
  'sealed_at',
  'reason',
  'source',
  'line',
  'offset',
  'length',
  'removed',
  'retried',
] as const;
const NUMERIC: ReadonlySet<string> = new Set(['line', 'offset', 'length', 'removed', 'retried']);

/** Which lines; `list` shows what `retry` reads. */
const MEANT_OPTIONS: readonly OptionSpec[] = [
  { flags: '--reason <REASON>', about: 'those of this reason only, such as not_json or unknown_format' },
  { flags: '--source <NAME>', about: 'those of this source only' },
  ...SPAN_OPTIONS.map(o => ({
    ...o,
    about: o.about
      .replace('only records from then on', 'only those sealed from then on')
      .replace('only records before that', 'only those sealed before that'),
  })),
];

function meantOf(given: Given, context: Context): Meant {
  const [reason, source] = [text(given, 'reason'), text(given, 'source')];
  return {
    ...(reason !== undefined && { reason }),
    ...(source !== undefined && { source }),
    ...spanOf(given, context),
  };
}

export const quarantineListCommand: CommandDetails = {
  description: [
    'List every line that could not be read, with its reason and its place: source, number of the line (in this source; of a pipe, in that run), offset and length in bytes. What a line held is encrypted; `slmaudit quarantine show` opens one. `removed` counts the secrets that were taken out of it before that.',
    'Lines that `slmaudit quarantine retry` has made records of are left out; with --all they are listed too, with the segment that holds the records.',
    'Lines of running ingests are listed once they are sealed. A line that could not be read has no time of its own: --since and --until are of its sealing. The digest of every quarantine file is checked before it is read.',
  ],
  arguments: [],
  options: [
    ...MEANT_OPTIONS,
    { flags: '--limit <N>', about: 'no more than so many' },
    { flags: '--all', about: 'also those that are records by now' },
    ROW_FORMAT_OPTION,
  ],
  examples: [
    { command: 'slmaudit quarantine list --reason unknown_format', about: 'what a --map could read' },
    {
      command:
        'slmaudit query "select source, reason, count(*) from quarantine group by all order by 3 desc"',
      about: 'how many, where there are too many to list',
    },
  ],
  exits: [
    [0, 'listed'],
    [1, 'a quarantine file was altered or is missing'],
    [2, 'could not be read'],
  ],
  async run(given, context) {
    const { openStore, stdout, terminal, width } = context;
    const { rejectedLines } = await import('../../quarantine/quarantine.ts');
    const limit = text(given, 'limit');
    const most = limit === undefined ? Infinity : readCount(limit, '--limit');
    const meant = meantOf(given, context);
    const sink = rowSink(listFormat(given, terminal), printer(stdout), { width });
    await sink.columns(COLUMNS.map(name => ({ name, numeric: NUMERIC.has(name) })));
    let listed = 0;
    for (const r of rejectedLines(openStore(), Infinity, meant)) {
      if (r.retried !== undefined && !flag(given, 'all')) continue;
      const removed = Object.values(r.removed ?? {}).reduce((sum, n) => sum + n, 0);
      const place = [r.id, r.sealedAt, r.reason, r.source, r.line, r.offset, r.length];
      const more = await sink.rows([[...place, removed, r.retried ?? null]]);
      if (!more || ++listed === most) break;
    }
    await sink.end();
    return 0;
  },
};

export const quarantineShowCommand: CommandDetails = {
  description: [
    'Decrypt a rejected line with the record key and print it: the bytes as they came in a pipe or a file, with control characters made visible on a terminal. Of a line over 64 KiB only the beginning was kept.',
    'A line may hold prompts in the clear: this is the one verb that shows them. Secrets of known forms were taken out of it; what that left in their place begins with `[removed:`.',
  ],
  arguments: [{ name: 'ID', about: 'as `quarantine list` prints it' }],
  options: [],
  json: 'what is known of it and what it held, as one object; in base64 where that is no UTF-8',
  examples: [
    { command: 'slmaudit quarantine show 3.1 | jq .', about: 'the first rejected line of segment 3' },
  ],
  exits: [
    [0, 'shown'],
    [1, 'the quarantine file was altered or is missing'],
    [2, 'no such line, or no key that opens it'],
  ],
  async run(given, context) {
    const { openStore, stdout, terminal, voice } = context;
    const { openRejected } = await import('../../quarantine/quarantine.ts');
    const [id] = given.args;
    if (id === undefined) throw usage('name a line, as `slmaudit quarantine list` prints it');
    const { about, raw } = openRejected(openStore(), id);
    const { reason, source, line, length, removed, retried } = about;
    if (flag(given, 'json')) {
      printJson(context, {
        ...about,
        ...(isUtf8(raw) ? { held: raw.toString('utf8') } : { base64: raw.toString('base64') }),
      });
      return 0;
    }
    voice.say(`${reason}: line ${line} of ${source}, ${counted(length, 'byte')}`);
    const gone = Object.entries(removed ?? {});
    if (gone.length > 0) voice.say(`removed: ${gone.map(([rule, n]) => `${grouped(n)} ${rule}`).join(', ')}`);
    if (length > raw.length && gone.length === 0)
      voice.warn(`${counted(raw.length, 'byte')} of it were kept`);
    if (retried !== undefined) voice.say(`a record by now, in segment ${retried}`);
    const shown = terminal ? `${printable(raw.toString('utf8'))}\n` : Buffer.concat([raw, Buffer.from('\n')]);
    if (!stdout.write(shown)) await once(stdout, 'drain');
    return 0;
  },
};

export const quarantineRetryCommand: CommandDetails = {
  description: [
    'Read rejected lines again, all of them or those that are named, and seal what can be read now: with a --format or --map that fits, with a newer slmaudit, with a --assume-zone. What still can not be read stays in quarantine.',
    'Each record says in `extra` which line it came from (`_retried`), and the manifest of its segment lists the lines, so that none is ever read twice. The line in quarantine stays as it is.',
    'Lines over 64 KiB were not kept whole and stay. Secrets were taken out of a line before it was encrypted: its event id is that of what was kept.',
  ],
  arguments: [
    { name: 'ID', about: 'as `quarantine list` prints it; without one, all', many: true, optional: true },
  ],
  options: [
    ...MEANT_OPTIONS,
    {
      flags: '--format <NAME>',
      about: 'format of the lines',
      choices: FORMAT_NAMES,
      default: 'told from each line',
    },
    { flags: '--map <FILE>', about: 'read a format that this YAML file describes; see slmaudit-map-test(1)' },
    {
      flags: '--assume-zone <ZONE>',
      about: 'zone of times that state none',
      default: 'UTC',
      suggests: zones,
    },
    ...PRIVACY_OPTIONS,
    { flags: '-n, --dry-run', about: 'say what would be read, and write nothing' },
    LONG_LOCK_WAIT_OPTION,
  ],
  json: 'the result as one object',
  examples: [
    {
      command: 'slmaudit quarantine retry --reason unknown_format --map gateway.yaml --dry-run',
      about: 'what a map would make of them',
    },
    { command: 'slmaudit quarantine retry 3.1 3.2 --format nginx', about: 'two lines, as another format' },
  ],
  exits: [
    [0, 'all that were meant are records now'],
    [1, 'a quarantine file was altered or is missing'],
    [2, 'could not be read or written'],
    [3, 'some of them stay in quarantine'],
    [75, 'another writer holds the lock, or another retry runs'],
  ],
  async run(given, context) {
    const { retry } = await import('../../quarantine/retry.ts');
    const { scannerOf } = await import('../../normalize/secrets.ts');
    const [named, file, zone] = [
      text(given, 'format'),
      text(given, 'map'),
      readZone(text(given, 'assumeZone')),
    ];
    if (file !== undefined && named !== undefined) throw usage('--map names the format; leave --format out');
    const map = file === undefined ? undefined : (await import('../../map/read.ts')).readMap(file);
    const format = map
      ? { name: `map:${map.name}`, forced: true, map }
      : named !== undefined && { name: named, forced: true };
    const dryRun = flag(given, 'dryRun');
    const { hashIdentities, remove } = readPrivacy(given);
    const done = await retry(context.openStore(), {
      ids: given.args,
      dryRun,
      privacy: { hashIdentities, scanner: scannerOf(remove) },
      lockWaitMs: lockWaitOf(given, LONG_LOCK_WAIT_OPTION),
      ...meantOf(given, context),
      ...(zone !== undefined && { zone }),
      ...(format && { format }),
    });
    if (flag(given, 'json')) printJson(context, done);
    else tellRetry(done, dryRun, context);
    return Object.keys(done.left).length > 0 ? 3 : 0;
  },
};

function tellRetry({ lines, retried, records, left }: Retry, dryRun: boolean, { voice }: Context): void {
  if (lines === 0) voice.say('no rejected line is meant');
  else {
    const are = dryRun ? 'would be' : retried === 1 ? 'is' : 'are';
    voice.say(`${grouped(retried)} of ${counted(lines, 'line')} ${are} ${counted(records, 'record')} now`);
  }
  const reasons = Object.entries(left).sort(([, a], [, b]) => b - a);
  const stay = reasons.reduce((sum, [, n]) => sum + n, 0);
  if (stay > 0)
    voice.warn(
      `${counted(stay, 'line')} ${dryRun ? 'would stay' : stay === 1 ? 'stays' : 'stay'} in quarantine: ${reasons.map(([reason, n]) => `${grouped(n)} ${reason}`).join(', ')}`,
    );
}
