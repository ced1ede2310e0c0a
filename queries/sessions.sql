-- the largest sessions: who, how long, how many requests and tokens, from how many addresses
-- param top = 20: how many
SELECT session_id, min(user_id) AS user_id, count(*) AS requests, sum(total_tokens) AS tokens, date_trunc('second', min(ts)) AS first,
  round((epoch(max(ts)) - epoch(min(ts))) / 60, 1) AS minutes, count(DISTINCT client_ip) AS addresses, count(DISTINCT user_id) AS users,
  sum(total_tokens) AS bar
FROM records WHERE session_id IS NOT NULL
GROUP BY session_id
ORDER BY tokens DESC NULLS LAST, session_id
LIMIT $top
