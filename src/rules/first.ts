import type { FirstSeen } from './rule.ts';
import { FROM_YEAR_1 } from './window.ts';

const MICROS = 1_000_000;
const EVENT: ReadonlySet<string> = new Set([
  '"ts"',
  '"seq"',
  '"event_id"',
  '"user_id"',
  '"client_ip"',
  '"api_key_id"',
]);

export interface FirstSeenOf extends FirstSeen {
  readonly from: string;
  /** What all of the logsource meets, and what the rule's events meet. */
  readonly source: string;
  readonly where: string;
  readonly sqlOf: (field: string) => string;
  /** What is wanted of the rows beside the columns of every event: what a window is put over, the engine reads whole. */
  readonly columns: readonly string[];
}

/**
 * The rows of `from` that meet `where` and whose tuple of fields had none in the time `over` before; of several in one instant the
 * first of the log. A tuple that lacks a part is none. Two events of a stretch as long as `over` are never further apart: only the first of
 * each stretch can be new, and only the last of the one before says so. With `for`, all that comes so long behind a new one is there too.
 * `after`: what is known of a tuple, all but its last field, was in the logsource so long before, whatever the rule says of it.
 */
export function firstSeenSql(asked: FirstSeenOf): string {
  const { from, where, fields, over, after, for: lasting, sqlOf, columns } = asked;
  const wanted = [
    'ts',
    'seq',
    'event_id',
    'user_id',
    'client_ip',
    'api_key_id',
    ...columns.filter(c => !EVENT.has(c)),
  ].join(', ');
  const tuple = numbered(fields.length);
  const span = over * MICROS;
  const stretch = `(us + ${FROM_YEAR_1}) // ${span}`;
  const told = `SELECT *, epoch_us(ts) AS us, ${fields.map((f, i) => `${sqlOf(f)} AS t${i + 1}`).join(', ')}
    FROM ${from} WHERE ${[`(${where})`, ...fields.map(f => `${sqlOf(f)} IS NOT NULL`)].join(' AND ')}`;
  return `(WITH told AS NOT MATERIALIZED (${told}),
    stretches AS (SELECT ${tuple}, ${stretch} AS stretch, min(us) AS us, max(us) AS last FROM told GROUP BY ${tuple}, ${stretch}),
    beside AS (SELECT ${tuple}, us, lag(last) OVER (PARTITION BY ${tuple} ORDER BY stretch) AS before FROM stretches),
    fresh AS MATERIALIZED (SELECT ${tuple}, us FROM beside WHERE before IS NULL OR us - before > ${span}),
    ${after === 0 ? 'new AS (SELECT * FROM fresh)' : knownSql(asked)}
    ${
      lasting === 0
        ? `SELECT ${wanted} FROM told SEMI JOIN (SELECT *, make_timestamptz(us) AS ts FROM new) USING (${tuple}, ts)
    QUALIFY row_number() OVER (PARTITION BY ${tuple}, us ORDER BY seq NULLS LAST, event_id) = 1`
        : `SELECT ${wanted} FROM told JOIN (SELECT * RENAME (us AS began) FROM new) USING (${tuple})
    WHERE us BETWEEN began AND began + ${lasting * MICROS}`
    })`;
}

/** `new`: those of `fresh` whose known part has the history that they need. */
function knownSql({ from, source, fields, after, sqlOf }: FirstSeenOf): string {
  const known = numbered(fields.length - 1);
  const tuple = numbered(fields.length);
  if (known === '')
    return `new AS (SELECT ${tuple}, us FROM fresh WHERE us - (SELECT min(epoch_us(ts)) FROM ${from} WHERE ${source}) >= ${after * MICROS})`;
  const parts = fields.slice(0, -1).map((f, i) => `${sqlOf(f)} AS t${i + 1}`);
  return `begun AS (SELECT ${known}, min(us) AS begun
      FROM (SELECT ${parts.join(', ')}, epoch_us(ts) AS us FROM ${from} WHERE ${source}) GROUP BY ${known}),
    new AS (SELECT ${tuple}, us FROM fresh JOIN begun USING (${known}) WHERE us - begun >= ${after * MICROS})`;
}

const numbered = (n: number): string => Array.from({ length: n }, (_, i) => `t${i + 1}`).join(', ');
