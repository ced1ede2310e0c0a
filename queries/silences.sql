-- when nothing came though something usually does: gaps, and how many records were to be expected in each
-- param minutes = 10: gaps at least so long
-- param least = 20: and with so many records expected
-- param top = 20: how many
WITH told AS (SELECT ts, seq, event_id, date_trunc('hour', ts) AS hour FROM records WHERE source_format <> 'slmaudit'),
hours AS (SELECT hour, count(*) AS n FROM told GROUP BY hour),
-- Weeks in which nothing came at all say nothing of what is usual.
weeks AS (
  SELECT week + to_hours(n) AS hour
  FROM (SELECT DISTINCT date_trunc('week', hour) AS week FROM hours) CROSS JOIN (SELECT unnest(range(168)) AS n)
  WHERE week + to_hours(n) BETWEEN (SELECT min(hour) FROM hours) AND (SELECT max(hour) FROM hours)),
usual AS (
  SELECT isodow(w.hour) AS dow, hour(w.hour) AS of_day, median(coalesce(n, 0)) AS n
  FROM weeks w LEFT JOIN hours h USING (hour) GROUP BY ALL),
gaps AS (
  SELECT lag(ts) OVER (ORDER BY ts, event_id) AS since, ts AS until, lag(seq) OVER (ORDER BY ts, event_id) AS seq_before, seq AS seq_behind
  FROM told),
long AS (SELECT * FROM gaps WHERE until - since >= to_minutes($minutes::BIGINT)),
parts AS (
  SELECT *, unnest(generate_series(date_trunc('hour', since), until, INTERVAL 1 HOUR)) AS hour FROM long),
sums AS (
  SELECT since, until, seq_before, seq_behind,
    sum(n * greatest(0, epoch(least(until, p.hour + INTERVAL 1 HOUR)) - epoch(greatest(since, p.hour))) / 3600) AS expected
  FROM parts p LEFT JOIN usual u ON u.dow = isodow(p.hour) AND u.of_day = hour(p.hour)
  GROUP BY ALL)
SELECT date_trunc('second', since) AS since, date_trunc('second', until) AS until, dayname(since) AS weekday,
  round((epoch(until) - epoch(since)) / 60) AS minutes, round(expected) AS expected, seq_before, seq_behind, round(expected) AS bar
FROM sums
WHERE expected >= $least::DOUBLE
ORDER BY expected DESC, since
LIMIT $top
