-- what a user did day by day: requests, tokens, addresses, models, and the hours (UTC)
-- param user: whose
-- param top = 31: how many of the latest days
WITH told AS (SELECT ts, client_ip, model, status, total_tokens FROM records WHERE user_id = $user),
days AS (
  SELECT ts::DATE AS day, count(*) AS records, count(*) FILTER (WHERE status IN ('error', 'denied')) AS failed, sum(total_tokens) AS tokens,
    count(DISTINCT client_ip) AS addresses, string_agg(DISTINCT model, ', ' ORDER BY model) AS models
  FROM told GROUP BY ALL),
hours AS (SELECT ts::DATE AS day, hour(ts) AS hour, count(*) AS n FROM told GROUP BY ALL)
SELECT day, left(dayname(day), 3) AS weekday, any_value(records) AS records, any_value(failed) AS failed, any_value(tokens) AS tokens,
  any_value(addresses) AS addresses, list(coalesce(n, 0) ORDER BY hour) AS by_hour, any_value(models) AS models
FROM days CROSS JOIN (SELECT unnest(range(24)) AS hour) LEFT JOIN hours USING (day, hour)
GROUP BY day
ORDER BY day DESC
LIMIT $top
