-- where logins fail: addresses by failures, how many accounts each tried, and whether one let it in
-- param top = 20: how many addresses
SELECT client_ip, count(*) FILTER (WHERE auth_result IS DISTINCT FROM 'success') AS failed,
  count(DISTINCT user_id) AS accounts, count(*) FILTER (WHERE auth_result = 'success') AS succeeded,
  date_trunc('second', min(ts) FILTER (WHERE auth_result IS DISTINCT FROM 'success')) AS first_failure,
  date_trunc('second', max(ts) FILTER (WHERE auth_result IS DISTINCT FROM 'success')) AS last_failure,
  failed AS bar
FROM records WHERE event_type = 'auth'
GROUP BY client_ip
HAVING failed > 0
ORDER BY failed DESC, client_ip
LIMIT $top
