-- when each model and version answered for the first and the last time, the newest first
SELECT date_trunc('second', min(ts)) AS first, date_trunc('second', max(ts)) AS last, model, model_version AS version,
  count(*) AS requests, count(DISTINCT user_id) AS users,
  round(100 * count(*) FILTER (WHERE status IN ('error', 'denied')) / count(*), 1) AS failed_pct,
  arg_min(seq, (ts, event_id)) AS first_seq
FROM records WHERE event_type = 'inference' AND (model IS NOT NULL OR model_version IS NOT NULL)
GROUP BY model, model_version
ORDER BY min(ts) DESC, model, version
