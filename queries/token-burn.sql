-- who burned far more tokens in a day than on a usual day of theirs, the most tokens first
-- param times = 5: at least so many times the usual
-- param top = 20: how many days
WITH days AS (
  SELECT user_id, ts::DATE AS day, count(*) AS requests, sum(total_tokens) AS tokens
  FROM records WHERE event_type = 'inference' AND user_id IS NOT NULL GROUP BY ALL),
weeks AS (SELECT user_id, date_trunc('week', day) AS week, sum(tokens) AS n FROM days GROUP BY ALL),
spread AS (
  SELECT user_id, list(coalesce(n, 0) ORDER BY week) AS by_week
  FROM (SELECT DISTINCT user_id FROM days) CROSS JOIN (SELECT DISTINCT week FROM weeks) LEFT JOIN weeks USING (user_id, week)
  GROUP BY user_id),
usual AS (SELECT user_id, count(*) AS days, median(tokens) AS usual FROM days GROUP BY user_id)
SELECT day, left(dayname(day), 3) AS weekday, user_id, requests, tokens, round(usual) AS usual, round(tokens / greatest(usual, 1), 1) AS times,
  days AS active_days, by_week
FROM days JOIN usual USING (user_id) JOIN spread USING (user_id)
WHERE days >= 3 AND tokens >= $times::DOUBLE * usual
ORDER BY tokens - usual DESC, day, user_id
LIMIT $top
