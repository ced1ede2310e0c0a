-- where logins fail: addresses by failures, how many accounts each tried, and whether one let it in
-- param top = 20: how many addresses
WITH logins AS (
  SELECT ts, client_ip, user_id, CASE
      WHEN regexp_matches(lower(coalesce(operation, '')), 'log[_.]?(?:out|off)|session\.end|^slo$|policy\.evaluate|refresh|introspect|code_to_token|^[fs]ertft$|^ferrt$|factor\.(?:activate|update|enroll|reset)|update_(?:totp|credential|password)|enroll|^scpr?$') THEN NULL
      WHEN auth_result IN ('challenge', 'skipped') THEN NULL
      WHEN auth_result = 'failure' OR status IN ('error', 'denied') THEN 'failed'
      WHEN regexp_matches(lower(coalesce(operation, '')), 'auth_via_mfa|^gd_auth_succeed$') THEN NULL
      WHEN auth_result = 'success' OR auth_result IS NULL AND status = 'ok' THEN 'succeeded' END AS login
  FROM records WHERE event_type = 'auth')
SELECT client_ip, count(*) FILTER (WHERE login = 'failed') AS failed,
  count(DISTINCT user_id) FILTER (WHERE login IS NOT NULL) AS accounts, count(*) FILTER (WHERE login = 'succeeded') AS succeeded,
  date_trunc('second', min(ts) FILTER (WHERE login = 'failed')) AS first_failure,
  date_trunc('second', max(ts) FILTER (WHERE login = 'failed')) AS last_failure,
  failed AS bar
FROM logins
GROUP BY client_ip
HAVING failed > 0
ORDER BY failed DESC, client_ip
LIMIT $top
