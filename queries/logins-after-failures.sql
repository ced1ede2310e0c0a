-- logins that succeeded after many had failed from the same address, within a day
-- param least = 5: so many failures or more
-- param top = 20: how many
WITH doors AS (
  SELECT ts, event_id, user_id, client_ip, mfa, auth_result = 'success' AS good FROM records
  WHERE event_type = 'auth' AND client_ip IS NOT NULL)
SELECT date_trunc('second', s.ts) AS got_in, s.client_ip, s.user_id, s.mfa, count(*) AS failures,
  count(DISTINCT f.user_id) AS accounts, count(*) FILTER (WHERE f.user_id = s.user_id) AS of_this_user,
  date_trunc('second', min(f.ts)) AS since
FROM doors s JOIN doors f ON f.client_ip = s.client_ip AND NOT f.good AND f.ts <= s.ts AND f.ts > s.ts - INTERVAL 1 DAY
WHERE s.good
GROUP BY s.ts, s.event_id, s.client_ip, s.user_id, s.mfa
HAVING failures >= $least::BIGINT
ORDER BY failures DESC, s.ts, s.event_id
LIMIT $top
