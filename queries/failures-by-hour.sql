-- when a model failed most: hours with far more failures than its usual share, the least likely first
-- param least = 3: so many failures or more
-- param top = 20: how many hours
WITH hours AS (
  SELECT date_trunc('hour', ts) AS hour, model, model_version AS version, count(*) AS requests,
    count(*) FILTER (WHERE status IN ('error', 'denied')) AS failed,
    mode(error_type ORDER BY error_type) FILTER (WHERE status IN ('error', 'denied')) AS mostly
  FROM records WHERE event_type = 'inference' GROUP BY ALL),
usual AS (SELECT model, sum(failed) / sum(requests) AS share FROM hours GROUP BY model)
SELECT hour, h.model, version, requests, failed, round(100 * failed / requests, 1) AS failed_pct, round(100 * share, 1) AS usual_pct, mostly
FROM hours h JOIN usual u ON u.model IS NOT DISTINCT FROM h.model
WHERE failed >= $least::BIGINT AND failed > requests * share
ORDER BY (failed - requests * share) / sqrt(requests * share) DESC, hour, h.model, version
LIMIT $top
