import type { Episode } from './episode.ts';

/** One line: an episode as a CloudEvent (CNCF CloudEvents 1.0, JSON event format), the same text at every try. */
export function cloudEvent(origin: string, episode: Episode): string {
  return JSON.stringify({
    specversion: '1.0',
    id: eventId(episode),
    source: origin,
    type: 'slmaudit.episode.v1',
    subject: episode.rule.id,
    time: episode.firstHit,
    datacontenttype: 'application/json',
    data: episode,
  });
}

/** The episode's, and the telling's behind it where it is not the first: who has heard of the one has not heard of the other. */
export const eventId = ({ id, again }: Pick<Episode, 'id' | 'again'>): string =>
  again ? `${id}.${again.telling}` : id;

/** Which telling of which episode an event is. */
export function tellingOf(event: string): { readonly id: string; readonly telling: number } {
  const [, id = event, telling = '1'] = /^(.*)\.(\d+)$/.exec(event) ?? [];
  return { id, telling: Number(telling) };
}
