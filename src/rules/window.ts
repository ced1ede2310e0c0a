import type { Bounds } from './correlation.ts';
import type { CorrelationType, Usual } from './rule.ts';

/**
 * Correlations as SQL, over a relation of events with ts, us (ts in microseconds), seq, event_id, user_id, client_ip,
 * api_key_id, g1 to gn (whose they are), x (a value), m1 to mn (which rules it matches).
 *
 * Windows slide: at every event, what counts is what its group did in the `timespan` up to it, both ends included. Events of
 * one instant see one another, so that no answer hangs on the order in which they came. Of an order of rules, events of one
 * instant are in order, for nothing says that they are not; but no event is two steps that follow one another.
 */
export interface Windowed {
  readonly type: CorrelationType;
  readonly stream: string;
  /** Is asking for the stream again cheaper than keeping it? */
  readonly cheap: boolean;
  /** How many g there are; 1 at least. */
  readonly groups: number;
  /** How many m there are. */
  readonly steps: number;
  readonly timespan: number;
  readonly bounds: Bounds;
  /** Is x never below 0? */
  readonly positive: boolean;
  readonly usual?: Usual;
}

const MICROS = 1_000_000;
const DAY = 86_400 * MICROS;
/** Before the first time that a record can have, so that nothing is divided that is below 0. */
export const FROM_YEAR_1: number = 62_135_596_800 * MICROS;

const numbered = (letter: string, n: number): string[] =>
  Array.from({ length: n }, (_, i) => `${letter}${i + 1}`);

/** Columns: ts, from_ts, seq, event_id, value, usual, g1.., user_id, client_ip, api_key_id. */
export function windowSql(windowed: Windowed): string {
  const { stream, cheap } = windowed;
  const fired = windowed.type.startsWith('temporal') ? temporal(windowed) : counted(windowed);
  return `WITH stream AS ${cheap ? 'NOT ' : ''}MATERIALIZED (${stream}), ${fired}`;
}

function shownOf(groups: string): string {
  return `seq, event_id, ${groups}, user_id, client_ip, api_key_id`;
}

function valueOf(type: CorrelationType): string {
  switch (type) {
    case 'value_count':
      return 'count(DISTINCT x)';
    case 'value_sum':
      return 'sum(x)';
    case 'value_avg':
      return 'avg(x)';
    default:
      return 'count(*)';
  }
}

function counted({ type, groups, timespan, bounds, usual, positive }: Windowed): string {
  const whose = numbered('g', groups).join(', ');
  const span = timespan * MICROS;
  const few = fewer(type, bounds, positive);
  const near =
    few === undefined ? 'near AS (SELECT * FROM stream)' : nearSql(whose, span, few, usual !== undefined);
  const met = Object.entries(bounds).map(([bound, n]) => `value ${SIGNS[bound as keyof Bounds]} ${n}`);
  const windows = `windows AS (SELECT *, ${valueOf(type)} OVER w AS value, min(ts) OVER w AS from_ts FROM near
    WINDOW w AS (PARTITION BY ${whose} ORDER BY us RANGE BETWEEN ${span} PRECEDING AND CURRENT ROW))`;
  const shown = shownOf(whose);
  if (!usual)
    return `${near}, ${windows} SELECT ts, from_ts, value::DOUBLE AS value, NULL::DOUBLE AS usual, ${shown} FROM windows WHERE ${met.join(' AND ')}`;
  // Of windows that share no event with this one.
  const before = `OVER (PARTITION BY ${whose} ORDER BY us RANGE BETWEEN ${usual.over * MICROS} PRECEDING AND ${span + 1} PRECEDING)`;
  return `${near}, ${windows},
    compared AS (SELECT *, max(value) ${before} AS usual, min(us) OVER (PARTITION BY ${whose}) AS begun FROM windows)
    SELECT ts, from_ts, value::DOUBLE AS value, usual::DOUBLE AS usual, ${shown} FROM compared
    WHERE ${met.join(' AND ')} AND us - begun >= ${usual.after * MICROS} AND value >= ${usual.times} * coalesce(usual, 0)`;
}

const SIGNS: Readonly<Record<keyof Bounds, string>> = {
  gt: '>',
  gte: '>=',
  lt: '<',
  lte: '<=',
  eq: '=',
  neq: '<>',
};

/**
 * What must hold of a day (or of a longer timespan) of a group where a window meets the bound: it lies in two of them at most, so that one
 * has half of it. Undefined where nothing can be said.
 */
function fewer(type: CorrelationType, bounds: Bounds, positive: boolean): string | undefined {
  const least = Math.max(...[bounds.gt, bounds.gte, bounds.eq].filter(n => n !== undefined), -Infinity);
  if (least === -Infinity) return undefined;
  if (type === 'value_avg') return `max(x) >= ${least}`;
  if (type === 'value_sum') return positive ? `sum(x) * 2 >= ${least}` : undefined;
  return least > 2 ? `${valueOf(type)} * 2 >= ${least}` : undefined;
}

/** `near`: the events of days that can meet the bound and of those beside them; `whole`: all of such a group. */
function nearSql(whose: string, span: number, few: string, whole: boolean): string {
  const day = `(us + ${FROM_YEAR_1}) // ${Math.max(span, DAY)}`;
  const days = `days AS (SELECT ${whose}, ${day} AS day FROM stream GROUP BY ${whose}, ${day} HAVING ${few})`;
  if (whole)
    return `${days}, wanted AS (SELECT DISTINCT ${whose} FROM days), near AS (SELECT stream.* FROM stream SEMI JOIN wanted USING (${whose}))`;
  return `${days}, wanted AS (SELECT DISTINCT ${whose}, unnest([day - 1, day, day + 1]) AS day FROM days),
    near AS (SELECT * FROM (SELECT *, ${day} AS day FROM stream) SEMI JOIN wanted USING (${whose}, day))`;
}

function temporal({ type, groups, steps, timespan }: Windowed): string {
  const whose = numbered('g', groups).join(', ');
  const marks = numbered('m', steps);
  const span = timespan * MICROS;
  const day = `(us + ${FROM_YEAR_1}) // ${Math.max(span, DAY)}`;
  const seen = marks.map(m => `bool_or(${m}) AS ${m}`).join(', ');
  // A window lies in two days at most: all rules match in one day and the day before.
  const near = `days AS (SELECT ${whose}, ${day} AS day, ${seen} FROM stream GROUP BY ${whose}, ${day}),
    pairs AS (SELECT ${whose}, day FROM (SELECT ${whose}, unnest([day, day + 1]) AS day, ${marks.join(', ')} FROM days)
      GROUP BY ${whose}, day HAVING ${marks.map(m => `bool_or(${m})`).join(' AND ')}),
    wanted AS (SELECT DISTINCT ${whose}, unnest([day - 1, day]) AS day FROM pairs),
    near AS (SELECT * FROM (SELECT *, ${day} AS day FROM stream) SEMI JOIN wanted USING (${whose}, day))`;
  const shown = shownOf(whose);
  const order = `(PARTITION BY ${whose} ORDER BY us RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW`;
  const hit = (start: string): string =>
    `SELECT ts, make_timestamptz(${start}) AS from_ts, NULL::DOUBLE AS value, NULL::DOUBLE AS usual, ${shown}`;
  if (type === 'temporal') {
    const lasts = marks.map((m, i) => `max(us) FILTER (WHERE ${m}) OVER ${order}) AS l${i + 1}`);
    const all = marks.map((_, i) => `us - l${i + 1} <= ${span}`);
    return `${near}, lasts AS (SELECT *, ${lasts.join(', ')} FROM near)
      ${hit(`least(${numbered('l', steps).join(', ')})`)} FROM lasts WHERE ${all.join(' AND ')}`;
  }
  // The latest beginning that a chain up to this step can have.
  const chain = marks
    .slice(1)
    .reduce(
      (from, m, i) =>
        `SELECT *, CASE WHEN ${m} THEN max(s${i + 1}) OVER ${order} EXCLUDE CURRENT ROW) END AS s${i + 2} FROM (${from})`,
      'SELECT *, CASE WHEN m1 THEN us END AS s1 FROM near',
    );
  return `${near}, chain AS (${chain}) ${hit(`s${steps}`)} FROM chain WHERE us - s${steps} <= ${span}`;
}
