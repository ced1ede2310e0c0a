-- the usual week: requests in each hour of each weekday, on average
-- param zone = UTC: whose days and hours
WITH told AS (SELECT timezone($zone, ts) AS wall FROM records WHERE event_type = 'inference'),
days AS (SELECT isodow(day) AS dow, count(*) AS days FROM (SELECT DISTINCT wall::DATE AS day FROM told) GROUP BY ALL),
hours AS (SELECT isodow(wall) AS dow, hour(wall) AS hour, count(*) AS n FROM told GROUP BY ALL),
usual AS (
  SELECT dow, hour, coalesce(n, 0) / days AS n
  FROM days CROSS JOIN (SELECT unnest(range(24)) AS hour) LEFT JOIN hours USING (dow, hour))
SELECT ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'][dow] AS weekday,
  round(sum(n ORDER BY hour)) AS a_day, arg_max(hour, (n, -hour)) AS busiest_hour, round(max(n), 1) AS in_it,
  list(round(n, 1) ORDER BY hour) AS from_0_to_23
FROM usual
GROUP BY dow
ORDER BY dow
