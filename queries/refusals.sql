-- what models refused and doors denied: whom, how often, and of how much
-- param least = 5: so many or more
-- param top = 20: how many users
SELECT user_id, count(*) AS requests, count(*) FILTER (WHERE status = 'refused') AS refused,
  count(*) FILTER (WHERE status = 'denied') AS denied, round(100 * (refused + denied) / requests, 2) AS pct,
  count(DISTINCT last_user_hash) FILTER (WHERE status = 'refused') AS messages,
  date_trunc('second', max(ts) FILTER (WHERE status IN ('refused', 'denied'))) AS last, refused + denied AS bar
FROM records
GROUP BY user_id
HAVING refused + denied >= $least::BIGINT
ORDER BY bar DESC, pct DESC, user_id
LIMIT $top
