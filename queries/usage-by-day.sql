-- how much a day: requests, users, failures, tokens, and the hours of each day
-- param zone = UTC: whose days and hours
WITH told AS (
  SELECT timezone($zone, ts) AS wall, user_id, status, total_tokens FROM records WHERE event_type = 'inference'),
hours AS (SELECT wall::DATE AS day, hour(wall) AS hour, count(*) AS n FROM told GROUP BY ALL),
clock AS (SELECT day, list(coalesce(n, 0) ORDER BY hour) AS by_hour
  FROM (SELECT DISTINCT day FROM hours) CROSS JOIN (SELECT unnest(range(24)) AS hour) LEFT JOIN hours USING (day, hour)
  GROUP BY day),
days AS (
  SELECT wall::DATE AS day, count(*) AS requests, count(DISTINCT user_id) AS users,
    round(100 * count(*) FILTER (WHERE status IN ('error', 'denied')) / count(*), 1) AS failed_pct,
    sum(total_tokens) AS tokens, sum(total_tokens) AS bar
  FROM told GROUP BY ALL)
SELECT day, left(dayname(day), 3) AS weekday, requests, users, failed_pct, tokens, bar, by_hour
FROM days JOIN clock USING (day)
ORDER BY day
