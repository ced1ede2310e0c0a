import { tookTooLong } from '../duck/trouble.ts';
import type { Asker } from '../query/inquiry.ts';

/**
 * Asks nothing more once the time for all of it is over; the engine ends a question that alone takes so long. Throws
 * QUERY_TIMEOUT.
 */
export function inTime(asker: Asker, timeoutMs: number): Asker {
  const end = performance.now() + timeoutMs;
  const checked = <T>(work: () => Promise<T>): Promise<T> =>
    performance.now() >= end ? Promise.reject(tookTooLong()) : work();
  return {
    all: (sql, parameters) => checked(() => asker.all(sql, parameters)),
    keep: (name, sql, parameters) => checked(() => asker.keep(name, sql, parameters)),
  };
}
