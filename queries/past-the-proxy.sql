-- what a model server answered and no proxy saw, by model and user: a way around the door, or a log that is missing
-- param top = 20: how many rows
WITH doors AS (SELECT min(ts) AS since, max(ts) AS until FROM records WHERE event_type = 'access')
SELECT model, user_id, source_id, count(*) AS requests, sum(total_tokens) AS tokens, date_trunc('second', min(ts)) AS first,
  date_trunc('second', max(ts)) AS last, count(*) AS bar
FROM requests CROSS JOIN doors
WHERE event_type = 'inference' AND join_by IS NULL AND ts BETWEEN since AND until
GROUP BY model, user_id, source_id
ORDER BY requests DESC, model, user_id, source_id
LIMIT $top
