import type { CompiledRule } from './rule.ts';

/** All in microseconds since 1970. */
export interface Bounds {
  /** Hits before that may lack the history that would have kept them from being any. */
  readonly ripe?: number;
  /** Only episodes that have a hit from then on. */
  readonly since?: number;
  /** Up to when what lasts is asked for, RFC 3339; else up to the newest entry of the log. */
  readonly until?: string;
}

/** Episodes of one rule that are told; what is left of a rule that finds more is noise. */
export const MOST_EPISODES = 10_000;

const MICROS = 1_000_000;

/**
 * Episodes from hits, in SQL, so that a million hits are one row. Two hits of one entity belong together where they are no further
 * apart than `episode`, or where the window of the later one reaches back to the earlier. An episode that begins within `suppress`
 * after the end of the last one that was told is not told.
 *
 * A row each, the latest MOST_EPISODES: entity, from_ts, first_ts, last_ts, hits, value, usual; event_id of the first hit; user_id,
 * client_ip and api_key_id where all hits have the same; events (of the first and last three hits); total: how many there are.
 */
export function episodesSql(compiled: CompiledRule, { ripe, since, until }: Bounds = {}): string {
  const { rule, hitsUntil } = compiled;
  const hits = (until !== undefined && hitsUntil?.(until)) || compiled.hits;
  const { episode, suppress } = rule.options;
  const shared = (column: string): string =>
    `CASE WHEN min(${column}) = max(${column}) THEN min(${column}) END AS ${column}`;
  return `WITH fired AS (SELECT *, epoch_us(ts) AS us FROM (${hits})${ripe === undefined ? '' : ` WHERE epoch_us(ts) >= ${ripe}`}),
marked AS (
  SELECT *, coalesce(us - lag(us) OVER w > ${episode * MICROS} AND from_ts > lag(ts) OVER w, true)::INT AS begins
  FROM fired WINDOW w AS (PARTITION BY entity ORDER BY us, event_id)),
numbered AS (
  SELECT *, sum(begins) OVER w AS n, row_number() OVER w AS place
  FROM marked WINDOW w AS (PARTITION BY entity ORDER BY us, event_id ROWS UNBOUNDED PRECEDING)),
episodes AS ${suppress > 0 ? 'MATERIALIZED ' : ''}(
  SELECT * EXCLUDE (firsts, lasts), firsts || list_filter(list_reverse(lasts), lambda e: NOT list_contains(firsts, e)) AS events
  FROM (
    SELECT entity, min(from_ts) AS from_ts, min(ts) AS first_ts, max(ts) AS last_ts, count(*) AS hits,
      max(value) AS value, arg_max(usual, value) AS usual, arg_min(event_id, place) AS event_id,
      ${['user_id', 'client_ip', 'api_key_id'].map(shared).join(', ')},
      arg_min(event_id, place, 3) AS firsts, arg_max(event_id, place, 3) AS lasts
    FROM numbered GROUP BY entity, n))
${suppress > 0 ? toldSql(suppress) : 'SELECT *, count(*) OVER () AS total FROM episodes'}
${since === undefined ? '' : `${suppress > 0 ? 'AND' : 'WHERE'} epoch_us(last_ts) >= ${since}`}
ORDER BY last_ts DESC, entity LIMIT ${MOST_EPISODES}`;
}

/** Of each entity the first, and then always the next one that begins late enough after the one before. */
function toldSql(suppress: number): string {
  return `, told AS (
  SELECT * FROM (WITH RECURSIVE steps AS (
    SELECT entity, min(epoch_us(first_ts)) AS began FROM episodes GROUP BY entity
    UNION ALL
    SELECT n.entity, min(epoch_us(n.first_ts)) FROM steps s
      JOIN episodes e ON e.entity = s.entity AND epoch_us(e.first_ts) = s.began
      JOIN episodes n ON n.entity = s.entity AND epoch_us(n.first_ts) - epoch_us(e.last_ts) > ${suppress * MICROS}
    GROUP BY n.entity)
  FROM steps))
SELECT e.*, count(*) OVER () AS total FROM episodes e SEMI JOIN told t ON t.entity = e.entity AND t.began = epoch_us(e.first_ts) WHERE true`;
}
