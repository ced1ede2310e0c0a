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
  /** Numbers of the g that have few values, as far as can be told; all or none: nothing is gained. */
  readonly coarse: readonly number[];
  /** Those of g and x that may be NULL yet: such events are in no window. To ask it of a hash where it is read spells it twice. */
  readonly late: readonly string[];
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
/** So many values a group seldom has in a day even of events: it need not be known how many differ. */
const MANY = 20;
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
    case 'value_sum':
      return 'sum(x)';
    case 'value_avg':
      return 'avg(x)';
    default:
      return 'count(*)';
  }
}

function counted(windowed: Windowed): string {
  const { type, groups, timespan, bounds, usual, late } = windowed;
  const whose = numbered('g', groups).join(', ');
  const span = timespan * MICROS;
  const bounded = Object.entries(bounds).map(([bound, n]) => `value ${SIGNS[bound as keyof Bounds]} ${n}`);
  const met =
    late.length === 0
      ? bounded
      : [
          `CASE WHEN ${late.map(c => `${c} IS NULL`).join(' OR ')} THEN false ELSE ${bounded.join(' AND ')} END`,
        ];
  const told = late.includes('x') ? ' FILTER (WHERE x IS NOT NULL)' : '';
  const stages = stagesOf(windowed);
  const { ctes, near } = nearSql('stream', stages, isRising(windowed) && begunOf(stages, late));
  const windowsOf = (from: string): string => type === 'value_count' ? differentSql(from, whose, span) : `SELECT *, ${valueOf(type)} OVER w AS value, ${told === '' ? 'first_value(ts)' : `min(ts)${told}`} OVER w AS from_ts FROM ${from}
    WINDOW w AS (PARTITION BY ${whose} ORDER BY us RANGE BETWEEN ${span} PRECEDING AND CURRENT ROW)`;
  const shown = shownOf(whose);
  const rising = isRising(windowed) ? risingSql(windowed, near, stages[0]) : { ctes: [], from: near };
  const first = [...ctes, ...rising.ctes, `windows AS (${windowsOf(rising.from)})`];
  if (!usual)
    return `${first.join(', ')} SELECT ts, from_ts, value::DOUBLE AS value, NULL::DOUBLE AS usual, ${shown} FROM windows WHERE ${met.join(' AND ')}`;
  // Only of groups that ever meet the bound all windows are looked at; and they are set against those that share no event with them.
  const before = `OVER (PARTITION BY ${whose} ORDER BY us RANGE BETWEEN ${usual.over * MICROS} PRECEDING AND ${span + 1} PRECEDING)`;
  return `${first.join(', ')},
    meeting AS MATERIALIZED (SELECT DISTINCT ${whose} FROM windows WHERE ${met.join(' AND ')}),
    whole AS (SELECT stream.* FROM stream SEMI JOIN meeting USING (${whose})),
    compared AS (SELECT *, max(value)${told} ${before} AS usual, min(us)${told} OVER (PARTITION BY ${whose}) AS begun FROM (${windowsOf('whole')}))
    SELECT ts, from_ts, value::DOUBLE AS value, usual::DOUBLE AS usual, ${shown} FROM compared
    WHERE ${met.join(' AND ')} AND us - begun >= ${usual.after * MICROS} AND value >= ${usual.times} * coalesce(usual, 0)`;
}

/**
 * How many x differ in each window: one counts from each time that it comes until the window has left that behind or it comes
 * again. A tenth of what `count(DISTINCT x)` over a frame takes.
 */
function differentSql(from: string, whose: string, span: number): string {
  const lasting = `SELECT *, lead(us) OVER (PARTITION BY ${whose}, x ORDER BY us) AS again FROM ${from}`;
  const isLast = 'x IS NOT NULL AND (again IS NULL OR again > us)';
  const points = `SELECT * EXCLUDE (us, ts), d = 1 AS is_event, CASE WHEN d = 1 THEN ts END AS ts,
      CASE WHEN d = 1 THEN us ELSE least(us + ${span + 1}, coalesce(again, us + ${span + 1})) END AS us,
      CASE WHEN ${isLast} THEN d ELSE 0 END AS turn
    FROM (${lasting}) CROSS JOIN (VALUES (1), (-1)) AS two(d) WHERE d = 1 OR (${isLast})`;
  return `SELECT * EXCLUDE (again, d, is_event, turn) FROM (
    SELECT *, sum(turn) OVER (PARTITION BY ${whose} ORDER BY us RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS value, min(CASE WHEN x IS NOT NULL THEN ts END) OVER w AS from_ts FROM (${points})
    WINDOW w AS (PARTITION BY ${whose} ORDER BY us RANGE BETWEEN ${span} PRECEDING AND CURRENT ROW)) WHERE is_event`;
}

/**
 * Only groups that can have risen so far above what is usual of them, by what they did in stretches as long as a window: two of these
 * hold a window, and one of them is held by a window that ends with its last event. A service that is always busy
 * is told from one that never was without looking at its windows.
 */
function risingSql(
  { type, groups, timespan, bounds, usual, late }: Rising,
  near: string,
  stage: Stage | undefined,
): { readonly ctes: readonly string[]; readonly from: string } {
  const whose = numbered('g', groups).join(', ');
  const span = timespan * MICROS;
  const value = { event_count: '1', value_count: 'x', value_sum: 'x' }[type as 'event_count'];
  const told = toldOf(late, value);
  const v = type === 'value_count' ? `count(DISTINCT ${told})` : type === 'value_sum' ? `sum(${told})` : `count(${told})`;
  const least = leastOf(bounds);
  const back = Math.floor((usual.over * MICROS) / span) - 1;
  const lower =
    back < 2
      ? 'NULL'
      : `max(v) OVER (PARTITION BY ${whose} ORDER BY b RANGE BETWEEN ${back} PRECEDING AND 2 PRECEDING)`;
  const starts = stage
    ? `SELECT k, min(began) AS began FROM stretches GROUP BY k`
    : `SELECT ${whose}, min(${toldOf(late, 'us')}) AS began FROM stream GROUP BY ${whose}`;
  return {
    ctes: [
      `buckets AS (SELECT ${whose}, (us + ${FROM_YEAR_1}) // ${span} AS b, ${v} AS v, max(us) AS last FROM ${near} GROUP BY ${whose}, b)`,
      `starts AS (${starts})`,
      `rising AS MATERIALIZED (SELECT DISTINCT ${whose} FROM (SELECT *, ${lower} AS lower,
          sum(v) OVER (PARTITION BY ${whose} ORDER BY b RANGE BETWEEN 1 PRECEDING AND CURRENT ROW) AS upper FROM buckets)
        JOIN starts ${stage ? `ON k = ${stage.key}` : `USING (${whose})`}
        WHERE last - began >= ${usual.after * MICROS} AND upper >= ${usual.times} * coalesce(lower, 0)${least === -Infinity ? '' : ` AND upper >= ${least}`})`,
      `upward AS NOT MATERIALIZED (SELECT * FROM ${near} SEMI JOIN rising USING (${whose}))`,
    ],
    from: 'upward',
  };
}

type Rising = Windowed & { readonly usual: Usual };

/** Can sums of stretches tell which groups have not risen? An average, or a sum of what may be below 0, is no larger for being of more. */
const isRising = (windowed: Windowed): windowed is Rising =>
  windowed.usual !== undefined &&
  windowed.type !== 'value_avg' &&
  (windowed.type !== 'value_sum' || windowed.positive);

/** Of a row that turns out to be of no group, or to have no value, nothing. */
const toldOf = (late: readonly string[], column: string): string =>
  late.length === 0 ? column : `CASE WHEN ${late.map(c => `${c} IS NOT NULL`).join(' AND ')} THEN ${column} END`;

const leastOf = (bounds: Bounds): number =>
  Math.max(...[bounds.gt, bounds.gte, bounds.eq].filter(n => n !== undefined), -Infinity);

const SIGNS: Readonly<Record<keyof Bounds, string>> = {
  gt: '>',
  gte: '>=',
  lt: '<',
  lte: '<=',
  eq: '=',
  neq: '<>',
};

/**
 * What must hold of some stretch of time of a group where a window meets the bound. A window lies in two stretches that are as long as it at
 * least, so one of them has half of it. Groups go by a hash, which takes half the time: where two share one, more is let through.
 */
interface Stage {
  readonly key: string;
  /** Is the key of fewer g than there are? */
  readonly isCoarse?: true;
  readonly stretch: number;
  readonly having: string;
}

/** Each looks at what the one before lets through; every one reads the records once more. */
function stagesOf({ type, groups, coarse, timespan, bounds, positive, usual, late }: Windowed): Stage[] {
  const least = leastOf(bounds);
  if (least === -Infinity) return [];
  const key = `hash(${numbered('g', groups).join(', ')})`;
  const stretch = Math.max(timespan * MICROS, DAY);
  if (type === 'value_avg') return [{ key, stretch, having: `max(x) >= ${least}` }];
  if (type === 'value_sum') return positive ? [{ key, stretch, having: `sum(x) * 2 >= ${least}` }] : [];
  if (least <= 2) return [];
  // What is found to be NULL late only is in no group all the same, and all of it together would be a large one.
  const whole = (column: string): string => toldOf(late, column);
  const many: Stage = { key, stretch, having: `count(${whole('1')}) * 2 >= ${least}` };
  const isFine = coarse.length < groups;
  const coarsely = `hash(${coarse.map(g => `g${g}`).join(', ')})`;
  const first = isFine && coarse.length > 0 ? [{ key: coarsely, isCoarse: true as const, stretch, having: `count(*) * 2 >= ${least}` }] : [];
  if (type === 'event_count') return [...first, many];
  const crowd = isFine || least >= MANY ? [many] : [];
  // What rises is looked for in stretches like these.
  if (usual) return [...first, ...crowd];
  const different = `count(DISTINCT ${whole('x')}) * 2 >= ${least}`;
  return [...first, ...crowd, { key, stretch: timespan * MICROS, having: different }];
}

/** Of the first stage's rows, when they were; that of a coarser group is no later, and lets more through. */
const begunOf = ([first]: readonly Stage[], late: readonly string[]): string | false =>
  first !== undefined && (first.isCoarse ? 'us' : toldOf(late, 'us'));

/**
 * What is left of `from` behind all stages: the stretches that can meet the bound, and those beside them. `begun`: when each group
 * of the first stage began is kept beside it, in `stretches` (k, b, began).
 */
function nearSql(
  from: string,
  stages: readonly Stage[],
  begun: string | false,
): { ctes: string[]; near: string } {
  let near = from;
  const ctes = stages.flatMap(({ key, stretch, having }, i) => {
    const at = `(us + ${FROM_YEAR_1}) // ${stretch}`;
    const before = near;
    near = `near${i + 1}`;
    const grouped = (told: string): string => `SELECT ${key} AS k, ${at} AS b${told} FROM ${before} GROUP BY k, b`;
    const isKept = i === 0 && begun !== false;
    return [
      ...(isKept
        ? [`stretches AS MATERIALIZED (${grouped(`, coalesce(${having}, false) AS is_wanted, min(${begun}) AS began`)})`]
        : []),
      `wanted${i + 1} AS MATERIALIZED (SELECT DISTINCT k, unnest([b - 1, b, b + 1]) AS b
        FROM ${isKept ? 'stretches WHERE is_wanted' : `(${grouped('')} HAVING ${having})`})`,
      `${near} AS NOT MATERIALIZED (SELECT * EXCLUDE (k, b) FROM (SELECT *, ${key} AS k, ${at} AS b FROM ${before}) SEMI JOIN wanted${i + 1} USING (k, b))`,
    ];
  });
  return { ctes, near };
}

function temporal({ type, groups, steps, timespan }: Windowed): string {
  const whose = numbered('g', groups).join(', ');
  const marks = numbered('m', steps);
  const span = timespan * MICROS;
  const day = `(us + ${FROM_YEAR_1}) // ${Math.max(span, DAY)}`;
  const seen = marks.map(m => `bool_or(${m}) AS ${m}`).join(', ');
  // A window lies in two days at most: all rules match in one day and the day before.
  const near = `days AS (SELECT hash(${whose}) AS k, ${day} AS day, ${seen} FROM stream GROUP BY k, day),
    pairs AS (SELECT k, day FROM (SELECT k, unnest([day, day + 1]) AS day, ${marks.join(', ')} FROM days)
      GROUP BY k, day HAVING ${marks.map(m => `bool_or(${m})`).join(' AND ')}),
    wanted AS (SELECT DISTINCT k, unnest([day - 1, day]) AS day FROM pairs),
    near AS (SELECT * FROM (SELECT *, hash(${whose}) AS k, ${day} AS day FROM stream) SEMI JOIN wanted USING (k, day))`;
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
