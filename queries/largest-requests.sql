-- the requests with most tokens
-- param top = 20: how many
SELECT seq, date_trunc('second', ts) AS ts, user_id, client_ip, model, status, input_tokens AS input, output_tokens AS output,
  total_tokens AS total
FROM records WHERE total_tokens IS NOT NULL
ORDER BY total DESC, records.ts, event_id
LIMIT $top
