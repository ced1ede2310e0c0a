-- who asked this log what: queries that were logged (`log-queries`), the latest first
-- param top = 20: how many
SELECT seq, date_trunc('second', ts) AS ts, user_id, operation AS verb, status, round(latency_ms) AS ms,
  json_extract_string(extra, '$.rows')::BIGINT AS rows,
  coalesce(regexp_replace(json_extract_string(extra, '$.sql'), '\s+', ' ', 'g'), 'sha256 ' || json_extract_string(extra, '$.sql_sha256')) AS sql
FROM records WHERE event_type = 'admin' AND source_format = 'slmaudit'
ORDER BY records.ts DESC, event_id
LIMIT $top
