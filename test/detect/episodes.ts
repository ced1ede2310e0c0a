import type { Episode } from '../../src/detect/episode.ts';

export const at = (minutes: number): string =>
  new Date(Date.UTC(2026, 4, 1) + minutes * 60_000).toISOString().replace('Z', '000Z');

/** An episode of user_id `who`, minutes into a day. */
export function madeEpisode(who: string, from: number, to = from, id = `${who}-${from}`): Episode {
  return {
    id,
    rule: { id: 'a-rule', title: 'Rule a-rule', level: 'high', measures: { what: 'tokens', within: 3600 } },
    entity: { user_id: who },
    from: at(from),
    firstHit: at(from),
    to: at(to),
    hits: 1,
    events: [],
    door: { by: 'user', sure: 'medium', failed: 0, succeeded: 0, without_mfa: 0, admin: 0, says: 'nothing' },
    show: 'slmaudit search',
  };
}
