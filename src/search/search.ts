import { AuditError } from '../errors.ts';
import type { Question } from '../query/query.ts';
import { nearest } from '../record/nearest.ts';
import { FAILED, VIEW_NAMES } from '../record/schema.ts';
import { offsetMinutes } from '../record/zone.ts';
import type { Condition } from './conditions.ts';

export interface Shape {
  /** Names; all if not given. */
  readonly columns?: readonly string[];
  /** Names, each with `-` before it for descending. */
  readonly sort?: readonly string[];
  readonly limit?: number;
  readonly count?: boolean;
  /** Names of columns, or of units of time. */
  readonly groupBy?: readonly string[];
  /** Whose days, weeks and months those are; UTC if not given. */
  readonly zone?: string;
}

export const UNITS = ['minute', 'hour', 'day', 'week', 'month'] as const;
const GROUPED = ['records', 'failed', 'tokens'];
/** What a terminal shows of a record; the rest is another format away. */
const BRIEF: readonly string[] = [
  'seq',
  'ts',
  'event_type',
  'user_id',
  'client_ip',
  'model',
  'status',
  'input_tokens',
  'output_tokens',
  'latency_ms',
  'error_type',
];

/** What there is room for where a terminal is narrower. */
const NARROW: readonly (readonly [below: number, columns: readonly string[]])[] = [
  [70, ['seq', 'ts', 'user_id', 'model', 'status']],
  [90, ['seq', 'ts', 'user_id', 'client_ip', 'model', 'status', 'total_tokens']],
  [110, ['seq', 'ts', 'user_id', 'client_ip', 'model', 'status', 'total_tokens', 'latency_ms', 'error_type']],
];

export const briefOf = (width: number = Infinity): readonly string[] =>
  NARROW.find(([below]) => width < below)?.[1] ?? BRIEF;

/** Throws NO_SUCH_COLUMN. */
export function searchQuestion(
  { sql, ...rest }: Condition,
  shape: Shape,
): Pick<Question, 'sql' | 'expression' | 'parameters'> {
  const limit = shape.limit === undefined ? '' : ` LIMIT ${shape.limit}`;
  if (shape.count) return { sql: `SELECT count(*) AS records FROM records WHERE ${sql}`, ...rest };
  const { groupBy } = shape;
  if (groupBy) {
    const units: readonly string[] = UNITS;
    const groups = groupBy.map(name =>
      units.includes(name)
        ? `${truncated(name, shape.zone)} AS "${name}"`
        : named(name, [...VIEW_NAMES, ...units]),
    );
    const byTime = groupBy.find(name => units.includes(name));
    const standard = byTime === undefined ? 'records DESC' : `"${byTime}"`;
    // Where time is what is grouped by, it says this already.
    const span = byTime === undefined ? ['first', 'last'] : [];
    const order =
      shape.sort?.map(name => ordered(name, [...groupBy, ...GROUPED, ...span])).join(', ') ?? standard;
    return {
      sql: `SELECT ${groups.join(', ')}, count(*) AS records,
  count(*) FILTER (WHERE ${FAILED}) AS failed, sum(total_tokens) AS tokens${span.length > 0 ? ', min(ts) AS "first", max(ts) AS "last"' : ''}
FROM records WHERE ${sql}
GROUP BY ${groupBy.map((_, i) => i + 1).join(', ')} ORDER BY ${order}, ${groupBy.map((_, i) => i + 1).join(', ')}${limit}`,
      ...rest,
    };
  }
  const columns = shape.columns?.map(name => named(name)).join(', ') ?? '*';
  const order = [...(shape.sort ?? ['ts']).map(name => ordered(name, VIEW_NAMES)), 'seq', 'event_id'].join(
    ', ',
  );
  return { sql: `SELECT ${columns} FROM records WHERE ${sql}\nORDER BY ${order}${limit}`, ...rest };
}

/** The instant at which the minute, hour, day, ... of a record began in a zone. */
function truncated(unit: string, zone: string | undefined): string {
  if (zone === undefined || zone === 'UTC') return `date_trunc('${unit}', ts)`;
  if (/^[+-]/.test(zone)) {
    const ahead = `to_minutes(${offsetMinutes(zone) ?? 0})`;
    return `date_trunc('${unit}', ts + ${ahead}) - ${ahead}`;
  }
  return `timezone('${zone}', date_trunc('${unit}', timezone('${zone}', ts)))`;
}

function ordered(name: string, names: readonly string[]): string {
  return name.startsWith('-') ? `${named(name.slice(1), names)} DESC NULLS LAST` : named(name, names);
}

/** A column's name, quoted. */
export function named(name: string, names: readonly string[] = VIEW_NAMES): string {
  if (names.includes(name)) return `"${name}"`;
  const near = nearest(name, names);
  throw new AuditError('NO_SUCH_COLUMN', `there is no column "${name}" here`, {
    hint: near.length > 0 ? `did you mean ${near.join(' or ')}?` : `there are ${names.join(', ')}`,
  });
}
