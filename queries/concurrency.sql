-- the minutes with most requests at once: the peak, how many began, of how many users, and the slowest of them
-- param top = 20: how many minutes
WITH told AS (
  SELECT epoch_us(ts) AS begun, epoch_us(ts) + greatest(latency_us, 1) AS done, user_id, latency_ms FROM records
  WHERE event_type = 'inference' AND latency_us IS NOT NULL),
steps AS (SELECT begun AS instant, 1 AS step FROM told UNION ALL SELECT done, -1 FROM told),
levels AS (
  SELECT instant, sum(step) OVER (ORDER BY instant, step ROWS UNBOUNDED PRECEDING)::BIGINT AS level FROM steps),
peaks AS (SELECT instant // 60000000 AS minute, max(level) AS peak FROM levels GROUP BY ALL),
minutes AS (
  SELECT begun // 60000000 AS minute, count(*) AS begun, count(DISTINCT user_id) AS users, round(max(latency_ms)) AS slowest_ms
  FROM told GROUP BY ALL)
SELECT make_timestamptz(minute * 60000000) AS minute, peak, minutes.begun, users, slowest_ms, peak AS bar
FROM peaks LEFT JOIN minutes USING (minute)
ORDER BY peak DESC, minute
LIMIT $top
