import { isAbsolute } from 'node:path';
import type { Trial } from '../../map/try.ts';
import { shellWord } from '../../record/shell.ts';
import { type CommandDetails, type Context, flag, text } from '../command.ts';
import { printJson } from '../json.ts';
import { zones } from '../span.ts';
import { counted, grouped, readCount, readZone, usage } from '../values.ts';
import { printable } from '../voice.ts';

export const mapTestCommand: CommandDetails = {
  description: [
    'Read a sample with a map, a YAML file that describes a format, and show the first records, every field that no column took and what becomes of it, and why lines were rejected. Nothing is written. `slmaudit ingest --map` then reads that format.',
    'Paths are dotted; of several the first that has a value counts. Durations need a unit: s, ms, us or ns. For lines of text `pattern` is a regular expression with named groups, which are the members. A value that `values` does not list stays in extra.',
  ],
  arguments: [
    { name: 'FILE', about: 'the map' },
    { name: 'SAMPLE', about: 'lines of the format; - is standard input' },
  ],
  options: [
    { flags: '--records <N>', about: 'how many records to show', default: '3' },
    {
      flags: '--assume-zone <ZONE>',
      about: 'zone of times that state none',
      default: 'UTC',
      suggests: zones,
    },
  ],
  json: 'all of it as one object',
  file: {
    about: 'A map',
    lines: [
      'name: my-gateway                        # records say map:my-gateway',
      'match: { kind: request }                # what its lines have; others go to quarantine',
      'skip: { health: true }                  # lines that record no request',
      'time: { path: t.start, unit: ms }       # end: true if written when the request is over',
      'columns:',
      '  user_id: [caller.name, caller.id]     # the first that has a value',
      '  latency_us: { path: took, unit: ms }',
      '  status: { path: result, values: { OK: ok, DENY: denied }, else: error }',
      '  provider: { value: self_hosted }      # a constant',
      '  input_tokens: usage.in',
      'prompt: body.messages                   # hashed and dropped, as is completion',
      'api_key: headers.key                    # its keyed hash is kept',
      'drop: [body.debug]                      # content: gone, and counted',
      'ignore: [level]                         # says nothing: gone',
    ],
  },
  examples: [
    {
      command: 'slmaudit map test gateway.yaml sample.ndjson',
      about: 'until nothing of worth is left unmapped',
    },
    { command: 'slmaudit ingest --map gateway.yaml gateway.ndjson', about: 'then' },
  ],
  exits: [
    [0, 'every line is a record, or skipped by the map'],
    [2, 'the map or the sample can not be read'],
    [3, 'some lines would go to quarantine'],
  ],
  async run(given, context) {
    const [file = '', sample = ''] = given.args;
    const { readMap } = await import('../../map/read.ts');
    const { tryMap } = await import('../../map/try.ts');
    const zone = readZone(text(given, 'assumeZone'));
    const trial = await tryMap(sample, context.stdin, {
      map: readMap(file),
      times: { now: Date.now() * 1000, ...(zone !== undefined && { zone }) },
      first: readCount(text(given, 'records') ?? '3', '--records', 0),
    });
    if (trial.lines === 0) throw usage(`${sample} holds no line`);
    if (flag(given, 'json')) printJson(context, trial);
    else show(trial, file, context);
    return Object.keys(trial.rejected).length > 0 ? 3 : 0;
  },
};

function show(
  { lines, records, skipped, rejected, first, unmapped }: Trial,
  file: string,
  context: Context,
): void {
  const say = (line: string): void => void context.stdout.write(`${printable(line)}\n`);
  for (const [i, record] of first.entries()) {
    say(`record ${i + 1}`);
    for (const [name, value] of Object.entries(record)) say(`  ${name.padEnd(18)}${String(value)}`);
  }
  if (unmapped.length > 0) {
    say('unmapped');
    const width = Math.max(...unmapped.map(u => u.path.length)) + 2;
    for (const u of unmapped)
      say(`  ${u.path.padEnd(width)}${u.types.padEnd(16)}${u.fate.padEnd(9)}${counted(u.lines, 'line')}`);
  }
  const reasons = Object.entries(rejected);
  const bad = reasons.map(([reason, n]) => `, ${grouped(n)} rejected: ${reason}`).join('');
  const skips = skipped > 0 ? `, ${grouped(skipped)} skipped` : '';
  say(`${counted(lines, 'line')}: ${counted(records, 'record')}${skips}${bad}`);
  if (reasons.length === 0)
    context.voice.hint(`slmaudit ingest --map ${shellWord(isAbsolute(file) ? file : `./${file}`)} FILE`);
}
