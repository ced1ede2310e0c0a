import type { Event } from '../../fixtures/eval/event.ts';
import type { Class, Incident } from '../../fixtures/eval/incident.ts';

/** A record made by hand. */
export function eventAt(at: number, rest: Partial<Event> = {}): Event {
  return {
    at,
    type: 'inference',
    status: 'ok',
    http: 200,
    error: undefined,
    source: 'gateway-a',
    user: 'ada',
    kind: 'human',
    key: undefined,
    ip: '10.0.0.1',
    agent: 'curl/8.5.0',
    session: 's-1',
    model: 'phi-4-mini',
    version: 'q4_K_M',
    prompt: String(at),
    input: 100,
    output: 50,
    latency: 1_000_000,
    auth: undefined,
    ...rest,
  };
}

export const incidentOf = (name: Class, rest: Omit<Incident, 'class' | 'strength'>): Incident => ({
  ...rest,
  class: name,
  strength: 4,
});
