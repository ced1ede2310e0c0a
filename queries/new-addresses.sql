-- addresses that a user had never come from before, and how much followed within a day
-- param known = 14: only users known for so many days by then
-- param top = 20: how many
WITH pairs AS (
  SELECT user_id, client_ip, min(ts) AS first_seen FROM records
  WHERE user_id IS NOT NULL AND client_ip IS NOT NULL GROUP BY ALL),
users AS (SELECT user_id, min(first_seen) AS known_since FROM pairs GROUP BY user_id),
owners AS (SELECT client_ip, count(*) AS users FROM pairs GROUP BY client_ip)
SELECT date_trunc('second', first_seen) AS first_seen, p.user_id, p.client_ip, count(*) AS within_a_day,
  count(*) FILTER (WHERE status IN ('error', 'denied')) AS failed, sum(total_tokens) AS tokens, any_value(o.users) AS its_users,
  date_diff('day', any_value(known_since), first_seen) AS known_days
FROM pairs p JOIN users USING (user_id) JOIN owners o USING (client_ip)
JOIN records r ON r.user_id = p.user_id AND r.client_ip = p.client_ip AND r.ts < p.first_seen + INTERVAL 1 DAY
WHERE date_diff('day', known_since, p.first_seen) >= $known::BIGINT
GROUP BY p.user_id, p.client_ip, p.first_seen
ORDER BY within_a_day DESC, p.first_seen, p.user_id, p.client_ip
LIMIT $top
