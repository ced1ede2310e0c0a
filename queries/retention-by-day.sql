-- what is kept, by day of sealing: segments, records, bytes as they were sealed, and which times they are of
SELECT sealed_at::DATE AS sealed_on, count(*) AS segments, sum(records)::BIGINT AS records, sum(bytes)::BIGINT AS bytes,
  sum(sum(bytes)) OVER (ORDER BY sealed_at::DATE)::BIGINT AS bytes_so_far, date_trunc('second', min(from_ts)) AS records_from,
  date_trunc('second', max(to_ts)) AS records_to, sum(rejected)::BIGINT AS rejected, sum(bytes)::BIGINT AS bar
FROM segments
WHERE pruned_by IS NULL
GROUP BY sealed_at::DATE
ORDER BY sealed_on
