import { tookTooLong } from '../duck/trouble.ts';
import type { Asker } from '../query/inquiry.ts';

/**
 * Asks nothing more once the time for all of it is over; the engine ends a question that alone takes so long. Throws
 * QUERY_TIMEOUT.
 */
export function inTime(asker: Asker, timeoutMs: number, now: () => number = () => performance.now()): Asker {
  const end = now() + timeoutMs;
  const checked = <T>(work: () => Promise<T>): Promise<T> =>
    now() >= end ? Promise.reject(tookTooLong()) : work();
  return {
    all: (sql, parameters) => checked(() => asker.all(sql, parameters)),
    keep: (name, sql, parameters) => checked(() => asker.keep(name, sql, parameters)),
  };
}
