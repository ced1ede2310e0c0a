-- how long nothing was sealed, and how old records were when they were: the longest waits first
-- param top = 20: how many segments
WITH pauses AS (
  SELECT segment, entry, class, sealed_at, lag(sealed_at) OVER (ORDER BY segment) AS before, from_ts, to_ts, records, rejected, damaged
  FROM segments)
SELECT segment, entry, date_trunc('second', sealed_at) AS sealed_at, round((epoch(sealed_at) - epoch(before)) / 3600, 2) AS hours_since_last,
  records, date_trunc('second', to_ts) AS last_record, round((epoch(sealed_at) - epoch(to_ts)) / 3600, 2) AS hours_unsealed,
  rejected, damaged
FROM pauses
ORDER BY hours_since_last DESC NULLS LAST, segment
LIMIT $top
