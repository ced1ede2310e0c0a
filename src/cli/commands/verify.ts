import { formatPin } from '../../log/pin.ts';
import { givenPin, localPin } from '../../store/store.ts';
import { type Finding, FINDINGS, isAlteration, type Report } from '../../verify/finding.ts';
import { type CommandSpec, type Context, flag, text } from '../command.ts';
import { counted, grouped, humanBytes } from '../values.ts';

export const verifyCommand: CommandSpec = {
  name: 'verify',
  summary: 'check that nothing in the store was altered',
  description: [
    'Check the checkpoint, the chain of entries and keys, the tiles, and the digest of every payload and quarantine file, and name every file that belongs to none of them. All that is wrong is listed, not only the first. The store is never written to.',
    'With --records, every record is hashed again from the Parquet files and the roots are compared with the signed ones.',
    'The pin is what makes this more than self-consistent: give the one that `slmaudit init` printed and that was kept elsewhere. Without --pin the pin beside the keys of this host is taken; a thief who owns the host could have replaced both.',
    'The newest checkpoint that was found good under a pin is remembered in the XDG state folder: a log that is later shorter, or another one, is a finding.',
  ],
  arguments: [],
  options: [
    { flags: '--records', about: 'also hash every record again' },
    { flags: '--pin <PIN>', about: 'the pin, or a file that holds it', default: "this host's own" },
    { flags: '--format <FORMAT>', about: 'json: the report as one object', choices: ['json'] },
  ],
  examples: [
    { command: 'slmaudit verify --records --pin pin.txt', about: 'what an auditor runs' },
    { command: 'slmaudit verify --format json | jq .findings', about: 'findings as data' },
  ],
  exits: [
    [0, 'intact'],
    [1, 'altered: the findings say what and where'],
    [2, 'could not be checked'],
    [4, 'consistent in itself, but checked against no pin'],
  ],
  async run(given, context) {
    const { openToVerify, verify } = await import('../../verify/verify.ts');
    const json = text(given, 'format') === 'json';
    const store = openToVerify(context.storeFolder, context.keysFolder);
    if ('code' in store) return refuse(store, json, context);
    const stated = text(given, 'pin');
    const pin = stated === undefined ? undefined : givenPin(stated);
    const report = await verify(store, {
      ...(pin && { pin }),
      records: flag(given, 'records'),
      remember: context.headsFolder,
      onProgress: ({ segments, of }) =>
        context.voice.progress(`${grouped(segments)} of ${counted(of, 'segment')} checked`),
    });
    const exit = exitOf(report);
    if (json) {
      context.stdout.write(`${JSON.stringify({ exit, ...report })}\n`);
      return exit;
    }
    const used = pin ?? localPin(store);
    for (const line of lines(report, used && formatPin(used))) context.stdout.write(`${line}\n`);
    tellPending(report, context);
    return exit;
  },
};

function refuse(finding: Finding, json: boolean, { stdout }: Context): number {
  if (json) stdout.write(`${JSON.stringify({ exit: 1, assurance: 'none', findings: [finding] })}\n`);
  else stdout.write(`ALTERED  ${sentence(finding)}\n`);
  return 1;
}

function exitOf({ findings, assurance }: Report): number {
  if (findings.some(isAlteration)) return 1;
  if (findings.length > 0) return 2;
  return assurance === 'self_consistent' ? 4 : 0;
}

const MOST = 200;

function lines(report: Report, pin: string | undefined): string[] {
  const { checked, findings } = report;
  const out: string[] = [];
  if (findings.length === 0)
    out.push(
      `intact   ${counted(checked.entries, 'entry', 'entries')}, ${counted(checked.records, 'record')}`,
    );
  for (const finding of findings.slice(0, MOST)) {
    out.push(`${isAlteration(finding) ? 'ALTERED' : 'UNKNOWN'}  ${sentence(finding)}`);
  }
  if (findings.length > MOST)
    out.push(`         and ${grouped(findings.length - MOST)} more; --format json lists all`);
  out.push(`log      ${report.origin}`);
  out.push(
    `segments ${grouped(checked.segments)}, payloads ${grouped(checked.payloads)} (${humanBytes(checked.bytes)}), by digest`,
  );
  if (checked.recomputed > 0) out.push(`records  ${grouped(checked.recomputed)} hashed again`);
  if (checked.quarantined > 0) out.push(`rejected ${counted(checked.quarantined, 'line')} in quarantine`);
  if (checked.damaged > 0)
    out.push(`damaged  ${counted(checked.damaged, 'line')} could not be read when they were sealed`);
  if (report.clockRegressions > 0)
    out.push(`clock    had gone back at ${counted(report.clockRegressions, 'entry', 'entries')}`);
  out.push(
    `pin      ${pin === undefined ? 'none: consistent in itself, which a forger can make too' : pinLine(report, pin)}`,
  );
  return out;
}

function pinLine({ assurance }: Report, pin: string): string {
  return assurance === 'pinned_here' ? `${pin} (this host's own copy)` : pin;
}

function sentence({ code, entry, segment, file, expected, actual }: Finding): string {
  const where = [
    segment === undefined ? undefined : `segment ${segment}`,
    entry === undefined ? undefined : `entry ${entry}`,
    file,
  ].filter(part => part !== undefined);
  const what = [
    expected === undefined ? undefined : `expected ${expected}`,
    actual === undefined ? undefined : `found ${actual}`,
  ].filter(part => part !== undefined);
  const tail = what.length > 0 ? `: ${what.join(', ')}` : '';
  return `${code} ${FINDINGS[code]}${where.length > 0 ? ` (${where.join(', ')})` : ''}${tail}`;
}

function tellPending({ pending }: Report, { voice }: Context): void {
  const open = pending.filter(p => p.kind === 'open').length;
  const rest = pending.length - open;
  if (open > 0) voice.say(`${counted(open, 'open segment')}: not sealed yet, so not checked`);
  if (rest > 0)
    voice.say(`${counted(rest, 'file')} of an unfinished or running seal; the next writer clears up`);
}
