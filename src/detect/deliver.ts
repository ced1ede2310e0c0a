import { setTimeout as sleep } from 'node:timers/promises';
import type { State } from './state.ts';

/** Where alerts go. */
export interface Target {
  /** What it is called in the state: nothing of it can be read there. */
  readonly key: string;
  /** What people are told: without what may be secret in it. */
  readonly label: string;
  /** One try; `withinMs`: how long it may take. */
  readonly send: (event: string, withinMs: number, signal: AbortSignal | undefined) => Promise<Answered>;
}

/** accepted: nothing is sent again. `again`: another try may help; not before `afterMs`, if the target says so. */
export type Answered =
  | { readonly is: 'accepted' }
  | { readonly is: 'refused'; readonly why: string; readonly again: boolean; readonly afterMs?: number };

/** As people are told how long a try was given. */
export const secondsOf = (ms: number): string => `${(ms / 1000).toFixed(ms < 1000 ? 1 : 0)} s`;

export interface Delivery {
  readonly target: Target;
  readonly accepted: number;
  /** Still waiting. */
  readonly left: number;
  /** What the last try came to. */
  readonly why?: string;
}

export interface DeliverOptions {
  /** For all alerts of a target together, with the pauses between tries. */
  readonly withinMs: number;
  /** For one try. */
  readonly tryMs?: number;
  readonly firstPauseMs?: number;
  readonly signal?: AbortSignal | undefined;
}

const TRY_MS = 10_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;
/** A target that won't have so many in a row won't have the next one either. */
const MOST_REFUSED = 3;

/**
 * Sends what waits for a target, one after the other. What is accepted is in the state before the next one goes; all else waits for the
 * next run.
 */
export async function deliver(state: State, target: Target, options: DeliverOptions): Promise<Delivery> {
  const { signal } = options;
  const began = performance.now();
  const leftMs = (): number => options.withinMs - (performance.now() - began);
  const waiting = state.waiting(target.key);
  let accepted = 0;
  let refused = 0;
  let why: string | undefined;
  sending: for (const [id, event] of waiting) {
    for (
      let pause = options.firstPauseMs ?? FIRST_PAUSE_MS;
      ;
      pause = Math.min(pause * 2, LONGEST_PAUSE_MS)
    ) {
      if (signal?.aborted || leftMs() <= 0) break sending;
      const answered = await target.send(event, Math.min(options.tryMs ?? TRY_MS, leftMs()), signal);
      if (answered.is === 'accepted') {
        state.accepted(target.key, id);
        accepted++;
        refused = 0;
        break;
      }
      why = answered.why;
      if (!answered.again) {
        if (++refused === MOST_REFUSED) break sending;
        break;
      }
      // Many that failed together don't come back together.
      const rest = Math.max(answered.afterMs ?? 0, pause * (0.5 + Math.random()));
      if (rest >= leftMs()) break sending;
      await sleep(rest, undefined, { signal }).catch(() => undefined);
    }
  }
  const left = waiting.length - accepted;
  return { target, accepted, left, ...(left > 0 && { why: why ?? 'there was no time left' }) };
}
