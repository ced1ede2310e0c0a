import { type ColumnName, COLUMNS } from '../record/schema.ts';
import { PEOPLES } from './view.ts';

/**
 * The view `requests` (SPEC 10): no model server's log says who asked from where, and no proxy's log says what the
 * model did. An access record and an inference record are one request
 *
 *   - by id: the same request or trace id within a day (vLLM writes `chatcmpl-` before the X-Request-Id it was
 *     given): confidence 1;
 *   - by time: what the model did lies within what the proxy saw, with the same kind of path and outcome, and no
 *     model or count of tokens that differs. 0.9 where each is the other's only candidate, 0.8 where a time
 *     has no fraction of a second, divided by the number of candidates otherwise; the nearest are taken first.
 *
 * What has no counterpart stands alone, with join_by NULL.
 */
export function createRequestsView(): string {
  return `CREATE VIEW requests AS
    WITH told AS (SELECT event_id, event_type, epoch_us(ts) AS start, status, http_status, endpoint, operation, model,
        model_requested, input_tokens, output_tokens, latency_us, trace_id,
        regexp_replace(request_id, '^(?:chatcmpl|cmpl|embd|score|rerank|resp)-', '') AS request,
        ts_quality = 'exact' AS exact
      FROM records WHERE event_type IN ('access', 'inference')),
    seen AS (SELECT *, start + least(coalesce(latency_us, 0), 3600000000) AS stop,
        CASE WHEN exact THEN 250000 ELSE 1500000 END AS slack, ${operationOf('endpoint')} AS kind
      FROM told WHERE event_type = 'access'),
    done AS (SELECT *, start + least(coalesce(latency_us, 0), 3600000000) AS stop
      FROM told WHERE event_type = 'inference'),
    ids AS (SELECT d.event_id AS inference, s.event_id AS access, s.latency_us AS took, abs(d.start - s.start) AS apart
        FROM done d JOIN seen s ON d.request = s.request WHERE abs(d.start - s.start) < 86400000000
      UNION SELECT d.event_id, s.event_id, s.latency_us, abs(d.start - s.start)
        FROM done d JOIN seen s ON d.trace_id = s.trace_id WHERE abs(d.start - s.start) < 86400000000),
    by_id AS (SELECT inference, access FROM ids
      QUALIFY row_number() OVER (PARTITION BY inference ORDER BY took DESC NULLS LAST, apart, access) = 1),
    seen_at AS (SELECT *, unnest(range((start - slack) // 60000000, (stop + slack) // 60000000 + 1)) AS minute
      FROM seen WHERE event_id NOT IN (SELECT access FROM ids)),
    done_at AS (SELECT *, unnest(list_distinct([start // 60000000, stop // 60000000])) AS minute
      FROM done WHERE event_id NOT IN (SELECT inference FROM ids)),
    pairs AS (SELECT DISTINCT d.event_id AS inference, s.event_id AS access,
        abs(d.start - s.start) + abs(d.stop - s.stop) AS apart, d.start AS begun, s.start AS seen_at,
        CASE WHEN d.exact AND s.exact THEN 0.9 ELSE 0.8 END AS sure
      FROM done_at d JOIN seen_at s ON d.minute = s.minute
      WHERE CASE WHEN s.latency_us IS NULL
          THEN least(abs(s.start - d.start), abs(s.start - d.stop)) <= s.slack
          ELSE d.start >= s.start - s.slack AND d.stop <= s.stop + s.slack END
        AND coalesce(d.http_status = s.http_status OR s.http_status = 499,
          CASE WHEN s.http_status = 499 THEN true
            WHEN s.http_status >= 400 THEN d.status NOT IN ('ok', 'refused')
            ELSE d.status NOT IN ('error', 'denied') END, true)
        AND CASE WHEN s.endpoint IS NULL OR s.endpoint = d.endpoint THEN true
          WHEN s.kind IS NULL THEN false
          ELSE coalesce(s.kind = coalesce(d.operation, ${operationOf('d.endpoint')}), true) END
        AND coalesce(s.model IN (d.model, d.model_requested), true)
        AND coalesce(s.input_tokens = d.input_tokens, true) AND coalesce(s.output_tokens = d.output_tokens, true)),
    counted AS (SELECT inference, access, apart, begun, seen_at, round(sure / greatest(
        count(*) OVER (PARTITION BY inference), count(*) OVER (PARTITION BY access)), 3) AS sure FROM pairs),
    ${rounds()},
    joined AS (SELECT inference, access, 'id' AS join_by, 1.0::DOUBLE AS join_confidence FROM by_id
      UNION ALL SELECT inference, access, 'time', sure::DOUBLE FROM by_time),
    whole AS (SELECT ${COLUMNS.map(c => `${valueOf(c.name)} AS "${c.name}"`).join(', ')},
        coalesce(m.seq, p.seq) AS seq, m.latency_us AS server_latency_us,
        p.event_id AS access_event_id, p.source_id AS access_source_id, join_by, join_confidence
      FROM (SELECT * FROM records WHERE event_type = 'inference') m
      LEFT JOIN joined ON joined.inference = m.event_id
      FULL JOIN (SELECT * FROM records WHERE event_type = 'access'
          AND event_id NOT IN (SELECT access FROM ids EXCEPT SELECT access FROM by_id)) p
        ON p.event_id = joined.access)
    SELECT join_by, join_confidence, ${COLUMNS.map(c => `"${c.name}"`).join(', ')}, ${PEOPLES},
      server_latency_us / 1000 AS server_latency_ms, seq, access_event_id, access_source_id FROM whole`;
}

/** Requests at once: who is nearest to each other goes first, then who is of those that are left. */
const ROUNDS = 4;

function rounds(): string {
  const each = Array.from(
    { length: ROUNDS },
    (_, n) => `left_${n} AS (SELECT * FROM ${
      n === 0
        ? 'counted'
        : `left_${n - 1} WHERE inference NOT IN (SELECT inference FROM round_${n - 1})
        AND access NOT IN (SELECT access FROM round_${n - 1})`
    }),
    round_${n} AS (SELECT inference, access, sure FROM left_${n}
      QUALIFY row_number() OVER (PARTITION BY inference ORDER BY apart, seen_at, access) = 1
        AND row_number() OVER (PARTITION BY access ORDER BY apart, begun, inference) = 1)`,
  );
  const all = each.map((_, n) => `SELECT * FROM round_${n}`).join(' UNION ALL ');
  return `${each.join(',\n    ')},\n    by_time AS (${all})`;
}

/** Of the proxy's record p and the model server's m. Who and from where the proxy knows; the server sees the proxy. */
function valueOf(name: ColumnName): string {
  switch (name) {
    case 'ts':
      return 'least(m.ts, p.ts)';
    case 'client_ip':
    case 'user_agent':
    case 'http_status':
    case 'latency_us':
      return `coalesce(p."${name}", m."${name}")`;
    case 'status':
      return `CASE WHEN p.status IN ('denied', 'cancelled') OR m.status IS NULL OR m.status = 'unknown'
        THEN coalesce(p.status, m.status) ELSE m.status END`;
    default:
      return `coalesce(m."${name}", p."${name}")`;
  }
}

/** What a path asks for; NULL for one that is no model's. */
function operationOf(endpoint: string): string {
  return `CASE WHEN regexp_matches(${endpoint}, '/(?:chat/completions|responses|messages|api/chat|invoke|converse)(?:$|[/-])') THEN 'chat'
    WHEN regexp_matches(${endpoint}, '/(?:completions?|api/generate|generate(?:_stream)?|infill)$') THEN 'completion'
    WHEN regexp_matches(${endpoint}, '/(?:embeddings?|api/embed)$') THEN 'embedding'
    WHEN regexp_matches(${endpoint}, '/re-?rank$') THEN 'rerank' END`;
}
