-- who used how much: requests, failures and tokens of each user
-- param top = 20: how many users
SELECT user_id, count(*) AS requests,
  count(*) FILTER (WHERE status IN ('error', 'denied')) AS failed,
  sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens,
  sum(total_tokens) AS bar
FROM records
WHERE event_type = 'inference'
GROUP BY user_id
ORDER BY bar DESC NULLS LAST, user_id
LIMIT $top
