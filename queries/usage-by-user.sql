-- who used how much: requests, failures and tokens of each user, and at what time of day (UTC)
-- param top = 20: how many users
WITH told AS (SELECT coalesce(user_id, '') AS user_id, hour(ts) AS hour, status, input_tokens, output_tokens, total_tokens
  FROM records WHERE event_type = 'inference'),
counts AS (SELECT user_id, hour, count(*) AS n FROM told GROUP BY ALL),
spread AS (
  SELECT user_id, list(coalesce(n, 0) ORDER BY hour) AS by_hour
  FROM (SELECT DISTINCT user_id FROM told) CROSS JOIN (SELECT unnest(range(24)) AS hour) LEFT JOIN counts USING (user_id, hour)
  GROUP BY user_id)
SELECT user_id, count(*) AS requests, count(*) FILTER (WHERE status IN ('error', 'denied')) AS failed,
  sum(input_tokens) AS input, sum(output_tokens) AS output, sum(total_tokens) AS bar, any_value(by_hour) AS by_hour
FROM told JOIN spread USING (user_id)
GROUP BY user_id
ORDER BY bar DESC NULLS LAST, requests DESC, user_id
LIMIT $top
