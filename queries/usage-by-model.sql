-- which model did how much: requests, users, failures and tokens of each model and version, week by week
WITH told AS (
  SELECT coalesce(model, '') AS model, coalesce(model_version, '') AS version, date_trunc('week', ts) AS week, user_id, status, total_tokens
  FROM records WHERE event_type = 'inference'),
counts AS (SELECT model, version, week, count(*) AS n FROM told GROUP BY ALL),
spread AS (
  SELECT model, version, list(coalesce(n, 0) ORDER BY week) AS by_week
  FROM (SELECT DISTINCT model, version FROM told) CROSS JOIN (SELECT DISTINCT week FROM told) LEFT JOIN counts USING (model, version, week)
  GROUP BY ALL)
SELECT model, version, count(*) AS requests, count(DISTINCT user_id) AS users,
  round(100 * count(*) FILTER (WHERE status IN ('error', 'denied')) / count(*), 1) AS failed_pct,
  sum(total_tokens) AS tokens, sum(total_tokens) AS bar, any_value(by_week) AS by_week
FROM told JOIN spread USING (model, version)
GROUP BY model, version
ORDER BY tokens DESC NULLS LAST, requests DESC, model, version
