import type { SourceTally } from '../../log/tally.ts';
import type { Status } from '../../status/status.ts';
import { type CommandDetails, flag } from '../command.ts';
import { printJson } from '../json.ts';
import { counted, grouped, humanBytes } from '../values.ts';
import { printable } from '../voice.ts';

/** `gateway: 12 read, 9 records, 1 rejected, 2 blank` */
function fates({ source, read, records, ...fate }: SourceTally): string {
  const rest = Object.entries(fate).filter(([, n]) => n > 0);
  const counts = [
    `${grouped(read)} read`,
    counted(records, 'record'),
    ...rest.map(([f, n]) => `${grouped(n)} ${f}`),
  ];
  return `${source}: ${counts.join(', ')}`;
}

function deleted({ pruned, redacted }: Status): string {
  const parts = [
    ...(pruned > 0 ? [`${grouped(pruned)} deleted as recorded`] : []),
    ...(redacted > 0 ? [`${grouped(redacted)} redacted`] : []),
  ];
  return parts.map(p => `; ${p}`).join('');
}

export const statusCommand: CommandDetails = {
  description: [
    'Say what the store holds, where its keys are and what is not sealed yet. Nothing is verified but that the log is the one its checkpoint signs.',
  ],
  arguments: [],
  options: [],
  json: 'all of it as one object',
  examples: [
    { command: 'slmaudit status --json | jq .open.records', about: 'records that wait to be sealed' },
  ],
  exits: [
    [0, 'said'],
    [1, 'the log was altered'],
    [2, 'could not be read'],
  ],
  async run(given, context) {
    const { openStore, stdout } = context;
    const { status } = await import('../../status/status.ts');
    const s = status(openStore());
    if (flag(given, 'json')) {
      printJson(context, s);
      return 0;
    }
    const perRecord = s.records > 0 ? `, ${Math.round(s.bytes / s.records)} a record` : '';
    const lines: [string, string][] = [
      ['store', s.store],
      ['keys', s.keys ?? 'none on this host'],
      ['log', s.origin],
      ['pin', s.pin ?? 'none on this host'],
      ['entries', `${grouped(s.entries)}, the last at ${s.sealedAt}`],
      ['head', s.head],
      [
        'records',
        `${grouped(s.records)} of ${counted(s.segments, 'segment')}, in ${counted(s.files, 'file')}${deleted(s)}`,
      ],
      ['span', s.span ? `${s.span.from} to ${s.span.to}` : 'none'],
      ['bytes', `${humanBytes(s.bytes)}${perRecord}`],
      [
        'open',
        s.open.segments === 0
          ? 'nothing'
          : `${counted(s.open.records, 'record')} in ${counted(s.open.segments, 'open segment')}`,
      ],
      ...s.aside.map((name): [string, string] => [
        'aside',
        `open/${name}: an open segment that can't be sealed; look at it, and move it out of the store`,
      ]),
      [
        'rejected',
        `${counted(s.rejected, 'line')} in quarantine${s.retried > 0 ? `, ${grouped(s.retried)} of them records by now` : ''}`,
      ],
      ...s.lines.map((tally): [string, string] => ['lines', fates(tally)]),
    ];
    for (const [name, value] of lines) stdout.write(`${name.padEnd(9)}${printable(value)}\n`);
    return 0;
  },
};
