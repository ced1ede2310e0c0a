import type { Asker } from '../query/inquiry.ts';
import { type Candidate, HOUR_US } from './finding.ts';
import { type Frame, OTHERS } from './frame.ts';

const PAST_DAYS = 28;

/**
 * Leaves out addresses whose requests are what their users send anyway: a busy user who comes from another network is nothing new.
 * `times`: so many times as much as its users' usual day is more than that. Where no record tells users, all stay.
 */
export async function withoutMoved(
  asker: Asker,
  { frame, candidates, times }: { frame: Frame; candidates: readonly Candidate[]; times: number },
): Promise<readonly Candidate[]> {
  const type = frame.told.client_ip;
  if (candidates.length === 0 || frame.told.user_id === undefined) return candidates;
  const asked = candidates.map((c, i) => ({ i, a: c.entity.client_ip, f: c.from, t: c.to }));
  const rows = await asker.all(
    `WITH asked AS (SELECT unnest(from_json($asked::VARCHAR, '[{"i":"BIGINT","a":"VARCHAR","f":"BIGINT","t":"BIGINT"}]'), recursive := true)),
    users AS (SELECT DISTINCT q.i, q.f // ${HOUR_US} AS hour, r.user_id AS e FROM records r JOIN asked q ON r.client_ip = q.a
      WHERE r.event_type = '${type}' AND r.user_id IS NOT NULL AND ${OTHERS} AND epoch_us(r.ts) >= q.f AND epoch_us(r.ts) < q.t),
    days AS (SELECT u.i, u.e, sum(o.n) / count(DISTINCT o.hour // 24) AS n
      FROM users u JOIN an_users o ON o.e = u.e AND o.hour < u.hour AND o.hour >= u.hour - ${PAST_DAYS * 24} GROUP BY ALL)
    SELECT i, sum(n) AS usual FROM days GROUP BY i`,
    { asked: JSON.stringify(asked) },
  );
  const usual = new Map(rows.map(r => [Number(r['i']), Number(r['usual'])]));
  return candidates.filter((c, i) => c.seen >= times * (usual.get(i) ?? 0));
}
