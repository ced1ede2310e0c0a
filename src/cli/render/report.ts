import { type Finding, FINDINGS, isAlteration, isLowering, type Report } from '../../verify/finding.ts';
import { counted, grouped, humanBytes } from '../values.ts';
import { printable } from '../voice.ts';

/** Findings that are printed; --json has all. */
const MOST = 200;

export interface Shown {
  readonly pin: string | undefined;
  /** Were records hashed again? */
  readonly records: boolean;
}

/** A report in five lines, behind its findings: how much, of which log, how, against what, and what would be better. */
export function reportLines(report: Report, shown: Shown): string[] {
  const { checked, findings } = report;
  const lines = findings.slice(0, MOST).map(findingLine);
  if (findings.length > MOST)
    lines.push(`         and ${grouped(findings.length - MOST)} more; --json lists all`);
  const isIntact = findings.every(isLowering);
  if (isIntact)
    lines.push(
      `intact   ${counted(checked.entries, 'entry', 'entries')}, ${counted(checked.records, 'record')}`,
    );
  lines.push(`log      ${report.origin}${extension(report)}`);
  lines.push(`checked  ${what(report).join(', ')}`);
  lines.push(
    `pin      ${shown.pin === undefined ? 'none: consistent in itself, which a forger can make too' : pinned(report, shown.pin)}`,
  );
  const better = betterOf(report, shown);
  if (isIntact && better.length > 0) lines.push(`better   ${better.join('; ')}`);
  // Names of files are made by whoever writes the store, and could take all of this from the screen.
  return lines.map(printable);
}

function extension({ extends: known, behind, size }: Report): string {
  if (behind !== undefined)
    return `, as it was with ${counted(size, 'entry', 'entries')}; ${grouped(behind)} are known here`;
  return known ? `, which extends the ${counted(known.size, 'entry', 'entries')} known before` : '';
}

function what({ checked, clockRegressions }: Report): string[] {
  const parts = [
    counted(checked.segments, 'segment'),
    `${counted(checked.payloads, 'payload')} (${humanBytes(checked.bytes)}) by digest`,
  ];
  if (checked.passedOver > 0) parts.push(`${grouped(checked.passedOver)} outside the range passed over`);
  if (checked.recomputed > 0) parts.push(`${counted(checked.recomputed, 'record')} hashed again`);
  if (checked.pruned > 0) parts.push(`${counted(checked.pruned, 'record')} deleted as recorded`);
  if (checked.redacted > 0) parts.push(`${counted(checked.redacted, 'record')} redacted`);
  if (checked.quarantined > 0) parts.push(counted(checked.quarantined, 'rejected line'));
  if (checked.absent > 0) parts.push(`${counted(checked.absent, 'rejected line')} not in the pack`);
  if (checked.damaged > 0) parts.push(`${counted(checked.damaged, 'line')} unreadable when they were sealed`);
  if (clockRegressions > 0) parts.push(`the clock had gone back ${counted(clockRegressions, 'time')}`);
  return parts;
}

function pinned({ assurance }: Report, pin: string): string {
  return assurance === 'pinned_here' ? `${pin} (this host's own copy)` : pin;
}

/** What would raise the assurance. */
function betterOf({ assurance, checked }: Report, { records }: Shown): string[] {
  const better: string[] = [];
  if (assurance !== 'pinned') better.push('--pin with the copy that was kept elsewhere');
  if (!records && checked.payloads > 0) better.push('--records hashes every record again');
  return better;
}

export function findingLine(finding: Finding): string {
  const verdict = isAlteration(finding) ? 'ALTERED' : isLowering(finding) ? 'NOTE   ' : 'UNKNOWN';
  return printable(`${verdict}  ${sentence(finding)}`);
}

function sentence({ code, entry, segment, file, expected, actual }: Finding): string {
  const where = [
    segment === undefined ? undefined : `segment ${segment}`,
    entry === undefined ? undefined : `entry ${entry}`,
    file,
  ].filter(part => part !== undefined);
  const found = [
    expected === undefined ? undefined : `expected ${expected}`,
    actual === undefined ? undefined : `found ${actual}`,
  ].filter(part => part !== undefined);
  const tail = found.length > 0 ? `: ${found.join(', ')}` : '';
  return `${code} ${FINDINGS[code]}${where.length > 0 ? ` (${where.join(', ')})` : ''}${tail}`;
}
