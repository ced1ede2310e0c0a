-- what it cost: as logged, or at prices in US dollars a million tokens, by user and model
-- param input = 0.10: price of a million input tokens, where no cost was logged
-- param output = 0.40: price of a million output tokens, where no cost was logged
-- param top = 20: how many rows
SELECT user_id, model, count(*) AS requests, sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens,
  round(100 * count(cost_microusd) / count(*)) AS logged_pct,
  round(sum(coalesce(cost_microusd, coalesce(input_tokens, 0) * $input::DOUBLE + coalesce(output_tokens, 0) * $output::DOUBLE)) / 1000000, 4) AS usd,
  usd AS bar
FROM records WHERE event_type = 'inference'
GROUP BY user_id, model
ORDER BY usd DESC, user_id, model
LIMIT $top
