-- how long models took: percentiles of latency and of the first token, in milliseconds, with p95 week by week
WITH told AS (
  SELECT coalesce(model, '') AS model, coalesce(model_version, '') AS version, date_trunc('week', ts) AS week, latency_ms, ttft_ms
  FROM records WHERE event_type = 'inference' AND status = 'ok' AND latency_ms IS NOT NULL),
weeks AS (SELECT model, version, week, quantile_cont(latency_ms, 0.95) AS p95 FROM told GROUP BY ALL),
spread AS (
  SELECT model, version, list(round(p95) ORDER BY week) AS p95_by_week
  FROM (SELECT DISTINCT model, version FROM told) CROSS JOIN (SELECT DISTINCT week FROM told) LEFT JOIN weeks USING (model, version, week)
  GROUP BY ALL)
SELECT model, version, count(*) AS requests, round(quantile_cont(latency_ms, 0.5)) AS p50, round(quantile_cont(latency_ms, 0.95)) AS p95,
  round(quantile_cont(latency_ms, 0.99)) AS p99, round(quantile_cont(ttft_ms, 0.5)) AS first_p50,
  round(quantile_cont(ttft_ms, 0.95)) AS first_p95, any_value(p95_by_week) AS p95_by_week
FROM told JOIN spread USING (model, version)
GROUP BY model, version
ORDER BY p95 DESC, model, version
