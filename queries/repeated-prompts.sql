-- prompts that one user sent again and again, and how regularly: a small jitter is a script's
-- param least = 20: so many times or more
-- param top = 20: how many
WITH told AS (
  SELECT user_id, prompt_hash, ts,
    epoch_us(ts) - lag(epoch_us(ts)) OVER (PARTITION BY user_id, prompt_hash ORDER BY ts, event_id) AS apart
  FROM records WHERE prompt_hash IS NOT NULL)
SELECT prompt_hash[:12] AS prompt, user_id, count(*) AS times, date_trunc('second', min(ts)) AS first, date_trunc('second', max(ts)) AS last,
  round(median(apart) / 1000000, 1) AS every_s, round(100 * mad(apart) / greatest(median(apart), 1)) AS jitter_pct
FROM told
GROUP BY prompt_hash, user_id
HAVING times >= $least::BIGINT
ORDER BY times DESC, prompt_hash, user_id
LIMIT $top
