-- logins that succeeded after many had failed from the same address, within a day
-- param least = 5: so many failures or more
-- param top = 20: how many
WITH logins AS (
  SELECT ts, event_id, user_id, client_ip, mfa, CASE
      WHEN regexp_matches(lower(coalesce(operation, '')), 'log[_.]?(?:out|off)|session\.end|^slo$|policy\.evaluate|refresh|introspect|code_to_token|^[fs]ertft$|^ferrt$|factor\.(?:activate|update|enroll|reset)|update_(?:totp|credential|password)|enroll|^scpr?$') THEN NULL
      WHEN auth_result IN ('challenge', 'skipped') THEN NULL
      WHEN auth_result = 'failure' OR status IN ('error', 'denied') THEN 'failed'
      WHEN regexp_matches(lower(coalesce(operation, '')), 'auth_via_mfa|^gd_auth_succeed$') THEN NULL
      WHEN auth_result = 'success' OR auth_result IS NULL AND status = 'ok' THEN 'succeeded' END AS login
  FROM records WHERE event_type = 'auth' AND client_ip IS NOT NULL)
SELECT date_trunc('second', s.ts) AS got_in, s.client_ip, s.user_id, s.mfa, count(*) AS failures,
  count(DISTINCT f.user_id) AS accounts, count(*) FILTER (WHERE f.user_id = s.user_id) AS of_this_user,
  date_trunc('second', min(f.ts)) AS since
FROM logins s JOIN logins f
  ON f.client_ip = s.client_ip AND f.login = 'failed' AND f.ts <= s.ts AND f.ts > s.ts - INTERVAL 1 DAY
WHERE s.login = 'succeeded'
GROUP BY s.ts, s.event_id, s.client_ip, s.user_id, s.mfa
HAVING failures >= $least::BIGINT
ORDER BY failures DESC, s.ts, s.event_id
LIMIT $top
