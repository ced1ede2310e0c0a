import { basename } from 'node:path';
import type { Input } from '../../ingest/ingest.ts';
import type { Skip, SourceTally } from '../../log/tally.ts';
import type { Note, Progress, Summary, Told } from '../../ingest/summary.ts';
import { FORMAT_NAMES } from '../../normalize/names.ts';
import { shellWord } from '../../record/shell.ts';
import { PRIVACY_OPTIONS, readPrivacy } from '../privacy.ts';
import { type CommandDetails, type Context, flag, type Given, text } from '../command.ts';
import { printJson } from '../json.ts';
import { counted, grouped, humanBytes, readCount, readSize, readSpan, readZone, usage } from '../values.ts';
import { zones } from '../span.ts';
import { LONG_LOCK_WAIT_OPTION, lockWaitOf } from '../writing.ts';

const MAX_SOURCE = 200;

export const ingestCommand: CommandDetails = {
  description: [
    'Read NDJSON access logs from files or a pipe, normalize each line to the audit schema, and seal the records into signed segments. Prompts and completions are hashed under a key of the store and dropped; their text never reaches the disk in the clear.',
    'A line is counted as acknowledged once it is on disk for good. Records are sealed at the end of input, at --seal-records, on a pipe at --seal-every, and on SIGINT and SIGTERM.',
    '--follow goes on with files as they grow, until it is stopped: through rotation by rename and by truncation, and with rotated files (.1, -20260501, .gz) that were written while nobody followed. What they bring is sealed at --seal-every.',
    'The same file can be ingested again at any time, after a crash too: each of its lines is in the store exactly once. A pipe has no such memory: what it sends twice is there twice.',
    'The format is what the first 200 lines agree on (or those that a pipe brings in its first second); `slmaudit formats` lists what is known. A file whose lines agree by less than 95 % is refused; a pipe, which can not be read again, goes on line by line, as with --format auto-line. Docker, CRI, CloudWatch, syslog and journald wrappings are taken off; a JSON list, or objects over several lines, are told from the first bytes.',
    'A line that is no record goes to quarantine, encrypted, with its reason and place; the rest is read on. gzip is recognized by its first bytes.',
  ],
  arguments: [
    { name: 'FILE', about: 'files to read; - or none is standard input', many: true, optional: true },
  ],
  options: [
    {
      flags: '--format <NAME>',
      about: 'format of the input',
      choices: [...FORMAT_NAMES, 'auto-line'],
      default: 'what the first lines agree on',
    },
    { flags: '--map <FILE>', about: 'read a format that this YAML file describes; see slmaudit-map-test(1)' },
    {
      flags: '--assume-zone <ZONE>',
      about: 'zone of times that state none, such as Europe/Berlin or +02:00',
      default: 'UTC, and ts_quality says assumed_zone',
      suggests: zones,
    },
    {
      flags: '--source <NAME>',
      about: 'name of the source in every record',
      default: "the file's name, or pipe",
    },
    ...PRIVACY_OPTIONS,
    { flags: '--follow', about: 'go on with files as they grow, through rotation, until stopped' },
    { flags: '--max-line <SIZE>', about: 'longest line that is read', default: '16MiB' },
    { flags: '--seal-records <N>', about: 'seal after so many records', default: '1000000' },
    {
      flags: '--seal-every <SPAN>',
      about: 'seal what a pipe or a followed file brought at least so often',
      default: '60s',
    },
    {
      flags: '--heartbeat <SPAN>',
      about: 'seal an empty segment after so long without input; 0 never',
      default: '1h',
    },
    LONG_LOCK_WAIT_OPTION,
    {
      flags: '--acks',
      about: 'print a JSON line on standard output whenever more lines are on disk for good',
    },
  ],
  json: 'the summary as one object',
  examples: [
    { command: 'tail -F gateway.ndjson | slmaudit ingest --source gateway', about: 'a gateway, for years' },
    { command: 'slmaudit ingest access.ndjson access.ndjson.1.gz', about: 'files, as often as you like' },
    {
      command: 'slmaudit ingest --follow /var/log/nginx/access.log',
      about: 'a proxy, through its rotations',
    },
    { command: 'journalctl -u ollama -o json -f | slmaudit ingest', about: 'what a service says' },
  ],
  exits: [
    [0, 'all of it is sealed'],
    [2, 'could not read or write; what was acknowledged is kept'],
    [3, 'sealed, with some lines in quarantine'],
    [75, 'another writer holds the lock or that file'],
    [130, 'interrupted by SIGINT (129 by SIGHUP, 0 by SIGTERM); what was read is sealed'],
  ],
  async run(given, context) {
    const store = context.openStore();
    const { ingest } = await import('../../ingest/ingest.ts');
    const progress = acks(given, context);
    const format = text(given, 'format');
    const zone = readZone(text(given, 'assumeZone'));
    const mapFile = text(given, 'map');
    if (mapFile !== undefined && format !== undefined)
      throw usage('--map names the format; leave --format out');
    const map = mapFile === undefined ? undefined : (await import('../../map/read.ts')).readMap(mapFile);
    const started = performance.now();
    const summary = await ingest(store, inputs(given, context), {
      ...(format !== undefined && { format }),
      ...(zone !== undefined && { zone }),
      ...(map && { map }),
      maxLine: readSize(text(given, 'maxLine') ?? '16MiB', '--max-line'),
      sealRecords: readCount(text(given, 'sealRecords') ?? '1000000', '--seal-records'),
      sealEveryMs: readSpan(text(given, 'sealEvery') ?? '60s', '--seal-every'),
      heartbeatMs: readSpan(text(given, 'heartbeat') ?? '1h', '--heartbeat'),
      ...readPrivacy(given),
      lockWaitMs: lockWaitOf(given, LONG_LOCK_WAIT_OPTION),
      known: context.knownFolder,
      follow: flag(given, 'follow'),
      signal: context.signal,
      onProgress: progress,
      onSource: told => tellSource(told, context),
    });
    if (flag(given, 'json')) printJson(context, machineSummary(summary));
    else tell(summary, (performance.now() - started) / 1000, context);
    return exitOf(summary, context);
  },
};

function inputs(given: Given, { stdin, voice }: Context): Input[] {
  const files = given.args.length > 0 ? given.args : ['-'];
  const source = text(given, 'source');
  if (files.filter(f => f === '-').length > 1) throw usage('standard input can be read once only');
  if (files.includes('-') && 'isTTY' in stdin && stdin.isTTY === true)
    voice.say('reading lines from the terminal; end them with Ctrl-D');
  return files.map(file => {
    const name = source ?? (file === '-' ? 'pipe' : basename(file));
    if (name === '' || Buffer.byteLength(name) > MAX_SOURCE)
      throw usage(`a source's name has 1 to ${MAX_SOURCE} bytes; use --source`);
    return file === '-' ? { kind: 'pipe', stream: stdin, name } : { kind: 'file', path: file, name };
  });
}

function acks(given: Given, { stdout, voice }: Context): (progress: Progress) => void {
  let told = 0;
  let drawn = 0;
  return progress => {
    if (flag(given, 'acks') && progress.acknowledged > told) {
      told = progress.acknowledged;
      stdout.write(`${JSON.stringify({ acknowledged: told })}\n`);
    }
    if (performance.now() - drawn < 250) return;
    drawn = performance.now();
    voice.progress(
      `${counted(progress.acknowledged, 'line')} acknowledged, ${counted(progress.segments, 'segment')} sealed`,
    );
  };
}

/** Which format was chosen, and what the first lines say. */
function tellSource({ source, format, why, votes }: Told, { voice }: Context): void {
  const counts = Object.entries(votes).sort(([, a], [, b]) => b - a);
  const lines = counts.reduce((sum, [, n]) => sum + n, 0);
  if (why === 'agreed') {
    const agree = votes[format] ?? 0;
    const of =
      agree !== lines
        ? `${agree} of its first ${lines} lines`
        : lines === 1
          ? 'its first line'
          : `its first ${counted(lines, 'line')}`;
    voice.say(`${source}: read as ${format}, by ${of}`);
  } else if (why === 'mixed') {
    const several = counts.map(([name, n]) => `${n} ${name}`).join(', ');
    voice.warn(
      `${source}: its first ${lines} lines are of several formats (${several}); each is read by itself`,
    );
  }
}

function tell(s: Summary, seconds: number, { voice }: Context): void {
  if (s.recovered > 0) voice.say(`${counted(s.recovered, 'record')} of an interrupted run sealed`);
  const rate =
    seconds >= 1 && s.records > 1000 ? ` (${grouped(Math.round(s.records / seconds))} a second)` : '';
  // Of nothing but a failure it says nothing.
  if (s.segments > 0 || s.failed.length === 0)
    voice.say(`${counted(s.records, 'record')} sealed in ${counted(s.segments, 'segment')}${rate}`);
  if (s.skipped > 0) voice.say(`${counted(s.skipped, 'line')} skipped: ${skips(s.lines)}`);
  if (s.rejected > 0) {
    const reasons = Object.entries(s.reasons).sort(([, a], [, b]) => b - a);
    voice.warn(
      `${counted(s.rejected, 'line')} in quarantine: ${reasons.map(([reason, n]) => `${grouped(n)} ${reason}`).join(', ')}`,
    );
  }
  const secrets = Object.entries(s.removed).filter(([rule]) => rule !== 'secret_name');
  if (secrets.length > 0)
    voice.say(`removed: ${secrets.map(([rule, n]) => `${grouped(n)} ${rule}`).join(', ')}`);
  for (const note of s.notes) {
    // Whoever stopped it knows: that is no warning.
    if (note.code === 'nothing_new' || note.code === 'interrupted') voice.say(sentence(note));
    else voice.warn(sentence(note));
  }
  for (const { source, error } of s.failed) {
    voice.error(error);
    if (!error.message.includes(source)) voice.say(`while reading ${source}`);
  }
}

/** `12 not_a_request, 3 blank` */
function skips(lines: readonly SourceTally[]): string {
  const sum = (rule: Skip): number => lines.reduce((total, tally) => total + tally[rule], 0);
  const counts = (['not_a_request', 'part', 'blank'] as const).map(rule => [rule, sum(rule)] as const);
  return counts
    .filter(([, n]) => n > 0)
    .map(([rule, n]) => `${grouped(n)} ${rule}`)
    .join(', ');
}

function sentence({ code, source, bytes = 0, path = '', why = '' }: Note): string {
  switch (code) {
    case 'left_unterminated':
      return `${source}: its last line is not finished; ${humanBytes(bytes)} left for the next run`;
    case 'interrupted':
      return `${source}: its first ${humanBytes(bytes)} are in the store; the next run goes on from there`;
    case 'nothing_new':
      return `${source}: nothing new, all ${humanBytes(bytes)} are in the store already`;
    case 'same_first_line':
      return `${source}: begins like a file that was read before and goes on otherwise; read as a file of its own`;
    case 'rotated_unread':
      return `${source}: ${humanBytes(bytes)} at the end of the file before it were not read: \`slmaudit ingest --source ${shellWord(source)} ${shellWord(path)}\``;
    case 'replaced':
      return `${source}: another file than the one read before (${humanBytes(bytes)}), and no rotated file holds that one: what was written behind is not in the store`;
    case 'other_host':
      return `${source} belongs to a writer on another host or in another container; \`slmaudit seal --take\` seals it if that one is gone`;
    case 'unreadable_open':
      return `${source} can not be sealed and was left alone; \`slmaudit seal\` says why`;
    case 'set_aside':
      return `an open segment can't be sealed and was set aside: ${source} (${why})`;
  }
}

function machineSummary(s: Summary): object {
  const failed = s.failed.map(({ source, error }) => ({ source, code: error.code, message: error.message }));
  return { ...s, failed };
}

function exitOf(s: Summary, { signal }: Context): number {
  if (s.failed.length > 0) return s.failed.some(f => f.error.exit !== 75) ? 2 : 75;
  if (signal.aborted && signal.reason === 'SIGINT') return 130;
  if (signal.aborted && signal.reason === 'SIGHUP') return 129;
  return s.rejected > 0 ? 3 : 0;
}
