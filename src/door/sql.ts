import { CHANGED_DOOR, LOGIN } from './login.ts';

const SUMS = ['failed', 'succeeded', 'without_mfa', 'admin'] as const;

/** One way to find auth events of a subject: by which columns of `doors` (and of `subjects`). */
interface Join {
  readonly kind: string;
  readonly on: Readonly<Record<string, string>>;
}

const JOINS: readonly Join[] = [
  { kind: 'user+address', on: { user_id: 'u', client_ip: 'a' } },
  { kind: 'key', on: { api_key_id: 'k' } },
  { kind: 'user', on: { user_id: 'u' } },
  { kind: 'address', on: { client_ip: 'a' } },
];

/**
 * $subjects: JSON list of {key, began, u, a, k}; $seconds: how far back. A row a subject: kind (NULL: nothing found), the sums, the last
 * event {ts, event_id, what}; users: how many share the address, counted to a few more than three; own_at_address and at_address: failures of
 * the user there, and of all; kept: are there auth events at all?
 *
 * Sums are running totals in order of time, read where a subject's time begins and ends. A join of subjects with events would take
 * their product, which behind one address for everybody is 10,000 times a million; the engine's ASOF JOIN does it too where
 * it takes one side for small.
 */
export const DOORS_SQL: string = `
WITH asked AS (
  SELECT unnest(from_json($subjects::VARCHAR, '[{"key":"VARCHAR","began":"TIMESTAMPTZ","u":"VARCHAR","a":"VARCHAR","k":"VARCHAR"}]')) AS s),
subjects AS MATERIALIZED (
  SELECT s.key AS key, s.began AS began, s.began - to_seconds($seconds::BIGINT) AS since, s.u AS u, s.a AS a, s.k AS k FROM asked),
span AS (SELECT min(since) AS since, max(began) AS until FROM subjects),
events AS MATERIALIZED (
  SELECT ts, event_id, user_id, client_ip, api_key_id, CASE WHEN event_type = 'auth' THEN ${LOGIN} END AS login,
    coalesce(login = 'failed', false)::INT AS failed, coalesce(login = 'succeeded', false)::INT AS succeeded,
    coalesce(login = 'succeeded' AND mfa = false, false)::INT AS without_mfa, coalesce(${CHANGED_DOOR}, false)::INT AS admin,
    coalesce(operation, event_type) || CASE WHEN failed = 1 THEN ' failed' ELSE '' END AS what
  FROM records
  WHERE event_type IN ('auth', 'admin') AND source_format <> 'slmaudit'
    AND ts >= (SELECT since FROM span) AND ts < (SELECT until FROM span)
    AND (user_id IN (SELECT u FROM subjects) OR client_ip IN (SELECT a FROM subjects) OR api_key_id IN (SELECT k FROM subjects))),
doors AS MATERIALIZED (SELECT * FROM events WHERE failed + succeeded + admin > 0),
ends AS MATERIALIZED (SELECT *, began AS t, 1 AS sign FROM subjects UNION ALL SELECT *, since, -1 FROM subjects),
found AS (
  ${JOINS.map(looked).join('\n  UNION ALL ')}),
best AS (
  SELECT key, arg_min(found, rank) AS f,
    max(failed) FILTER (WHERE kind = 'user+address') AS own_at_address, max(failed) FILTER (WHERE kind = 'address') AS at_address
  FROM found WHERE failed + succeeded + admin > 0 GROUP BY key),
-- Who was let do something there, by day: date_trunc takes 14 µs a row where times have a zone.
sharing AS (
  SELECT DISTINCT client_ip, epoch_us(ts) // 86400000000 AS day, user_id FROM records
  WHERE client_ip IN (SELECT s.a FROM subjects s JOIN best b USING (key) WHERE b.f.kind = 'address')
    AND ts >= (SELECT since FROM span) AND ts < (SELECT until FROM span) AND status NOT IN ('denied', 'error') AND user_id IS NOT NULL),
-- Four of each day are enough to know whether there are more than three.
few AS (SELECT client_ip, day, user_id FROM sharing QUALIFY row_number() OVER (PARTITION BY client_ip, day ORDER BY user_id) <= 4),
shared AS (
  SELECT s.key, count(DISTINCT f.user_id) AS users FROM subjects s
  JOIN few f ON f.client_ip = s.a AND f.day BETWEEN epoch_us(s.since) // 86400000000 AND epoch_us(s.began) // 86400000000
  GROUP BY s.key)
SELECT s.key AS key, b.f.kind AS kind, ${SUMS.map(c => `b.f.${c} AS ${c}`).join(', ')}, b.f.last AS last,
  h.users AS users, b.own_at_address AS own_at_address, b.at_address AS at_address,
  (b.key IS NOT NULL OR EXISTS (SELECT 1 FROM records WHERE event_type = 'auth')) AS kept
FROM subjects s LEFT JOIN best b USING (key) LEFT JOIN shared h USING (key)
ORDER BY key`;

/** The totals just before a subject's time, less those at the beginning of the hours before. */
function looked(join: Join): string {
  const columns = Object.keys(join.on).join(', ');
  const theirs = Object.values(join.on).join(', ');
  const isKnown = (names: string): string =>
    names.replaceAll(/\w+(?=,|$)/g, '$& IS NOT NULL').replaceAll(',', ' AND');
  const sums = SUMS.map(c => `sum(sign * ${c})::BIGINT AS ${c}`).join(', ');
  const running = SUMS.map(c => `coalesce(sum(${c}) OVER w, 0) AS ${c}`).join(', ');
  return `SELECT key, ${JOINS.indexOf(join)} AS rank, '${join.kind}' AS kind, ${sums}, any_value(last) FILTER (WHERE sign = 1) AS last
    FROM (SELECT key, sign, ${running}, last_value(event IGNORE NULLS) OVER w AS last
      FROM (SELECT key, sign, t, ${theirs}, ${SUMS.map(c => `0 AS ${c}`).join(', ')}, NULL AS event FROM ends WHERE ${isKnown(theirs)}
        UNION ALL SELECT NULL, 0, ts, ${columns}, ${SUMS.join(', ')}, {ts: ts, event_id: event_id, what: what} FROM doors WHERE ${isKnown(columns)})
      WINDOW w AS (PARTITION BY ${theirs} ORDER BY t, sign = 0, event.event_id ROWS UNBOUNDED PRECEDING))
    WHERE sign <> 0 GROUP BY key`;
}
