-- how each model and version fails: every kind of failure, how often, for how many users, week by week
WITH told AS (
  SELECT coalesce(model, '') AS model, coalesce(model_version, '') AS version, status, coalesce(error_type, finish_reason, '') AS kind,
    user_id, date_trunc('week', ts) AS week
  FROM records WHERE event_type = 'inference'),
failed AS (SELECT * FROM told WHERE status NOT IN ('ok', 'unknown')),
counts AS (SELECT model, version, status, kind, week, count(*) AS n FROM failed GROUP BY ALL),
spread AS (
  SELECT model, version, status, kind, list(coalesce(n, 0) ORDER BY week) AS by_week
  FROM (SELECT DISTINCT model, version, status, kind FROM failed) CROSS JOIN (SELECT DISTINCT week FROM told)
  LEFT JOIN counts USING (model, version, status, kind, week)
  GROUP BY ALL),
whole AS (SELECT model, version, count(*) AS requests FROM told GROUP BY ALL)
SELECT model, version, status, kind, count(*) AS requests, round(100 * count(*) / any_value(requests), 2) AS pct,
  count(DISTINCT user_id) AS users, any_value(by_week) AS by_week
FROM failed JOIN whole USING (model, version) JOIN spread USING (model, version, status, kind)
GROUP BY model, version, status, kind
ORDER BY pct DESC, model, version, status, kind
