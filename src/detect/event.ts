import type { Episode } from './episode.ts';

/** One line: an episode as a CloudEvent (CNCF CloudEvents 1.0, JSON event format), the same text at every try. */
export function cloudEvent(origin: string, episode: Episode): string {
  return JSON.stringify({
    specversion: '1.0',
    id: episode.id,
    source: origin,
    type: 'slmaudit.episode.v1',
    subject: episode.rule.id,
    time: episode.firstHit,
    datacontenttype: 'application/json',
    data: episode,
  });
}
