-- one key, many addresses: the days on which a key came from most of them
-- param least = 2: so many addresses or more
-- param top = 20: how many days
SELECT ts::DATE AS day, api_key_id, count(DISTINCT client_ip) AS addresses, count(DISTINCT user_id) AS users, count(*) AS records,
  sum(total_tokens) AS tokens, string_agg(DISTINCT client_ip, ' ' ORDER BY client_ip) AS which, addresses AS bar
FROM records WHERE api_key_id IS NOT NULL
GROUP BY ALL
HAVING addresses >= $least::BIGINT
ORDER BY addresses DESC, day, api_key_id
LIMIT $top
