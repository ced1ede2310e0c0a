-- where a user came from: each address, since when, how often, with what result and program
-- param user: whose
-- param top = 30: how many addresses
WITH told AS (SELECT * FROM records WHERE user_id = $user)
SELECT client_ip, date_trunc('second', min(ts)) AS first, date_trunc('second', max(ts)) AS last, count(*) AS records,
  count(*) FILTER (WHERE status IN ('error', 'denied')) AS failed, sum(total_tokens) AS tokens, count(DISTINCT ts::DATE) AS days,
  string_agg(DISTINCT user_agent, ', ' ORDER BY user_agent) AS programs
FROM told
GROUP BY client_ip
ORDER BY max(ts) DESC, client_ip
LIMIT $top
