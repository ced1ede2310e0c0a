import type { Progress } from '../verify/verify.ts';
import { grouped } from './values.ts';

/** Milliseconds before the first line, between two, and before one that says how long it takes: earlier the pace says little. */
const FIRST = 500;
const OFTEN = 100;
const SURE = 2000;

/**
 * Says how far a verification is, and how long the rest takes at this pace: entries come first, and of the files behind them nothing is known until
 * all are read. Undefined where a line has just been said.
 */
export function checking(
  clock: () => number = () => performance.now(),
): (done: Progress) => string | undefined {
  const start = clock();
  let [began, said, what] = [start, -Infinity, ''];
  return ({ what: now, done, of, share = done / of }) => {
    const time = clock();
    if (what !== now) [began, said, what] = [time, -Infinity, now];
    if (time - said < OFTEN || time - start < FIRST) return undefined;
    said = time;
    const passed = time - began;
    const left = share > 0 ? (passed / share - passed) / 1000 : Infinity;
    const plural = now === 'entry' ? 'entries' : 'segments';
    const until = now === 'entry' ? 'until their files' : 'left';
    const rest = passed < SURE || left < 1 || left === Infinity ? '' : `, about ${spelled(left)} ${until}`;
    return `${grouped(done)} of ${grouped(of)} ${plural} checked${rest}`;
  };
}

const spelled = (seconds: number): string =>
  seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`;
