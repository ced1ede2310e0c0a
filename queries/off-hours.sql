-- nights and weekends: who worked when they usually don't, the busiest such days first
-- param from = 22: the hour at which a night begins
-- param until = 6: the hour at which it ends
-- param zone = UTC: whose hours
-- param top = 20: how many days
WITH told AS (
  SELECT user_id, timezone($zone, ts) AS wall, total_tokens, client_ip FROM records
  WHERE event_type = 'inference' AND user_id IS NOT NULL),
marked AS (
  SELECT *, isodow(wall) >= 6 OR hour(wall) >= $from::BIGINT OR hour(wall) < $until::BIGINT AS off FROM told),
-- A night belongs to the day on which it begins.
days AS (
  SELECT user_id, (wall - to_hours($until::BIGINT))::DATE AS night, count(*) FILTER (WHERE off) AS off, count(*) AS all_day,
    sum(total_tokens) FILTER (WHERE off) AS tokens, min(wall) FILTER (WHERE off) AS first, max(wall) FILTER (WHERE off) AS last,
    count(DISTINCT client_ip) FILTER (WHERE off) AS addresses
  FROM marked GROUP BY ALL),
usual AS (SELECT user_id, sum(off) AS off_all, sum(all_day) AS all_days, count(*) AS days FROM days GROUP BY ALL)
SELECT night AS night_of, left(dayname(night), 3) AS weekday, user_id, off AS requests, tokens, strftime(first, '%H:%M') AS first,
  strftime(last, '%H:%M') AS last, addresses, round(100 * (off_all - off) / greatest(all_days - all_day, 1), 1) AS else_off_pct
FROM days JOIN usual USING (user_id)
WHERE off >= 10 AND days >= 5 AND (off_all - off) < 0.2 * (all_days - all_day)
ORDER BY off DESC, night, user_id
LIMIT $top
