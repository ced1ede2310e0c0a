-- lines that were rejected: why, of which source, since when, and how many a retry has read since
SELECT reason, source, count(*) AS lines, count(*) FILTER (WHERE retried IS NOT NULL) AS read_since,
  date_trunc('second', min(sealed_at)) AS first_sealed, date_trunc('second', max(sealed_at)) AS last_sealed,
  sum(length)::BIGINT AS bytes, min(id) AS for_example, count(*) AS bar
FROM quarantine
GROUP BY reason, source
ORDER BY lines DESC, reason, source
