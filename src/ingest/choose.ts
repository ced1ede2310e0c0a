import { AuditError } from '../errors.ts';
import { type FormatChoice, formatOf } from '../normalize/formats.ts';
import { gathers } from '../normalize/normalize.ts';
import type { MapSpec } from '../normalize/map.ts';
import type { Manner } from './intake.ts';
import type { Sample } from './sample.ts';
import type { Told } from './summary.ts';
import type { Writing } from './writer.ts';

export interface Choosing {
  /** Name of a format, `auto-line` for each line by itself, or what the first lines agree on. */
  readonly format?: string;
  /** A format described in a file, for all lines. */
  readonly map?: MapSpec;
  /** Zone of times without one. */
  readonly zone?: string;
}

const AUTO_LINE = 'auto-line';

/**
 * How a source is to be read. Throws MIXED_FORMATS for a file whose first lines don't agree, or of which none says anything: nothing of it has been
 * written, and a person can say what it is. A pipe can't be read again and goes on line by line.
 */
export function mannerOf(
  { document, detection }: Sample,
  { format: named, map }: Choosing,
  source: Pick<Writing, 'name' | 'kind'>,
): { readonly manner: Omit<Manner, 'lines'>; readonly told: Told } {
  const votes = Object.fromEntries([...detection.votes].map(([name, n]) => [name || 'unknown', n]));
  const told = (format: string, why: Told['why']): Told => ({ source: source.name, format, why, votes });
  const manner = (format?: FormatChoice): Omit<Manner, 'lines'> => ({
    document,
    scattered: !detection.pieces && !gathers(format && formatOf(format).adapter),
    ...(format && { format }),
  });
  if (map) {
    const name = `map:${map.name}`;
    return { manner: manner({ name, forced: true, map }), told: told(name, 'named') };
  }
  if (named === AUTO_LINE) return { manner: manner(), told: told(AUTO_LINE, 'named') };
  if (named !== undefined)
    return { manner: manner({ name: named, forced: true }), told: told(named, 'named') };
  if (detection.format) {
    const { name } = detection.format;
    return { manner: manner({ name, forced: false }), told: told(name, 'agreed') };
  }
  if (source.kind === 'file') {
    if (detection.mixed) throw mixed(source.name, votes);
    if (detection.strange > 0) throw strange(source.name, detection.strange);
  }
  return { manner: manner(), told: told(AUTO_LINE, detection.mixed ? 'mixed' : 'unknown') };
}

/** All of it would lie in quarantine for good: more likely it is the wrong file. */
const strange = (name: string, lines: number): AuditError =>
  new AuditError(
    'MIXED_FORMATS',
    `${name}: none of its first ${lines} lines is of a format that is known, or JSON; nothing of it was read`,
    {
      hint: 'name another file, or a --map of your own; --format auto-line keeps every line in quarantine; see `slmaudit formats`',
    },
  );

function mixed(source: string, votes: Readonly<Record<string, number>>): AuditError {
  const sorted = Object.entries(votes).sort(([, a], [, b]) => b - a);
  const total = sorted.reduce((sum, [, n]) => sum + n, 0);
  const counts = sorted.map(([name, n]) => `${n} ${name}`).join(', ');
  const [best] = sorted.find(([name]) => name !== 'unknown') ?? [];
  return new AuditError(
    'MIXED_FORMATS',
    `${source}: no format fits 95 % of its first ${total} lines (${counts}); nothing of it was read`,
    {
      hint: `--format auto-line reads each line by itself${best === undefined ? '' : `, --format ${best} all as that`}; --map reads a format of your own; see \`slmaudit formats\``,
    },
  );
}
