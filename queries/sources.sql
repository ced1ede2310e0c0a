-- what each source brought: records, span, and how many say who, from where, which model and how many tokens
SELECT source_id, source_format AS format, event_type AS type, count(*) AS records, date_trunc('second', min(ts)) AS first,
  date_trunc('second', max(ts)) AS last, round(100 * count(user_id) / count(*)) AS user_pct,
  round(100 * count(client_ip) / count(*)) AS ip_pct, round(100 * count(model) / count(*)) AS model_pct,
  round(100 * count(total_tokens) / count(*)) AS tokens_pct
FROM records
GROUP BY source_id, source_format, event_type
ORDER BY records DESC, source_id, format, type
