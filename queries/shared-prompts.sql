-- the same prompt from many users: something that is passed around, or built into a program
-- param least = 3: so many users or more
-- param top = 20: how many
SELECT prompt_hash[:12] AS prompt, count(DISTINCT user_id) AS users, count(*) AS times, date_trunc('second', min(ts)) AS first,
  arg_min(user_id, (ts, event_id)) AS first_user, date_trunc('second', max(ts)) AS last,
  count(DISTINCT client_ip) AS addresses, max(prompt_chars) AS chars
FROM records WHERE prompt_hash IS NOT NULL
GROUP BY prompt_hash
HAVING users >= $least::BIGINT
ORDER BY users DESC, times DESC, prompt_hash
LIMIT $top
