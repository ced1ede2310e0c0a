import type { FirstSeen } from './rule.ts';
import { FROM_YEAR_1 } from './window.ts';

const MICROS = 1_000_000;

/**
 * The rows of `from` that meet `where` and whose tuple of fields had none in the time `over` before; of several in one instant the
 * first of the log. A tuple that lacks a part is none. Two events of a stretch as long as `over` are never further apart: only the first of
 * each stretch can be new, and only the last of the one before says so. With `for`, all that comes so long behind a new one is there too.
 */
export function firstSeenSql(
  from: string,
  where: string,
  { fields, over, after, for: lasting }: FirstSeen,
  sqlOf: (field: string) => string,
): string {
  const parts = fields.map((_, i) => `t${i + 1}`);
  const tuple = parts.join(', ');
  const known = parts.slice(0, -1);
  const span = over * MICROS;
  const stretch = `(us + ${FROM_YEAR_1}) // ${span}`;
  const told = `SELECT *, epoch_us(ts) AS us, ${fields.map((f, i) => `${sqlOf(f)} AS t${i + 1}`).join(', ')}
    FROM ${from} WHERE ${[`(${where})`, ...fields.map(f => `${sqlOf(f)} IS NOT NULL`)].join(' AND ')}`;
  return `(WITH told AS NOT MATERIALIZED (${told}),
    stretches AS (SELECT ${tuple}, ${stretch} AS stretch, min(us) AS us, max(us) AS last FROM told GROUP BY ${tuple}, ${stretch}),
    beside AS (SELECT ${tuple}, us, lag(last) OVER (PARTITION BY ${tuple} ORDER BY stretch) AS before,
      min(us) OVER (${known.length === 0 ? '' : `PARTITION BY ${known.join(', ')}`}) AS begun FROM stretches),
    new AS (SELECT ${tuple}, us FROM beside WHERE (before IS NULL OR us - before > ${span}) AND us - begun >= ${after * MICROS})
    ${
      lasting === 0
        ? alone(tuple)
        : `SELECT told.* FROM told JOIN (SELECT * RENAME (us AS began) FROM new) USING (${tuple})
    WHERE us BETWEEN began AND began + ${lasting * MICROS}`
    })`;
}

const alone = (tuple: string): string => `SELECT told.* FROM told SEMI JOIN new USING (${tuple}, us)
    QUALIFY row_number() OVER (PARTITION BY ${tuple}, us ORDER BY seq NULLS LAST, event_id) = 1`;
