import type { DuckDBConnection } from '@duckdb/node-api';
import type { AuditRecord } from '../../src/record/schema.ts';
import { tsOfMicros } from '../../src/record/time.ts';
import type { Asker } from '../../src/query/inquiry.ts';
import { withRecords } from '../asked.ts';

type Told = Partial<AuditRecord>;

export const HOUR = 3_600_000_000;
export const DAY = 24 * HOUR;
/** A Monday. */
export const MONDAY: number = Date.UTC(2026, 4, 4) * 1000;

/** The same for the same seed. */
export function dice(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 48271) % 2147483647) / 2147483647;
}

export const at = (micros: number): string => tsOfMicros(Math.floor(micros))!;

/** 64 hex digits of a number. */
export const hashOf = (n: number): string => Math.floor(n).toString(16).padStart(64, '0');

export function asked(micros: number, more: Told): Told {
  return {
    ts: at(micros),
    event_type: 'inference',
    status: 'ok',
    model: 'phi-4-mini',
    model_version: 'a',
    input_tokens: 400,
    output_tokens: 100,
    latency_us: 800_000,
    hash_alg: 'h',
    prompt_hash: hashOf(micros),
    ...more,
  };
}

export function login(micros: number, good: boolean, more: Told): Told {
  const status = good ? 'ok' : 'denied';
  return { ts: at(micros), event_type: 'auth', status, auth_result: good ? 'success' : 'failure', ...more };
}

/** Weeks of 20 users of two models who are busy by day, log in in the morning, and mistype now and then. */
export function ordinary(days: number, seed = 2, from: number = MONDAY): Told[] {
  const r = dice(seed);
  const records: Told[] = [];
  for (let day = 0; day < days; day++) {
    const isWeekend = day % 7 > 4;
    for (let user = 0; user < 20; user++) {
      const who = { user_id: `user-${user}`, client_ip: `10.0.0.${user + 1}` };
      if (isWeekend && r() < 0.7) continue;
      const begin = from + day * DAY + 8 * HOUR + r() * HOUR;
      if (r() < 0.1) records.push(login(begin - 9e6, false, who));
      records.push(login(begin, true, { ...who, mfa: true }));
      for (let hour = 0; hour < 9; hour++)
        for (let n = Math.floor(r() * r() * (user < 4 ? 14 : 5)); n > 0; n--) {
          const output = Math.floor(60 + r() * 120);
          records.push(
            asked(begin + (hour + r()) * HOUR, {
              ...who,
              model: user % 3 === 0 ? 'gemma-3-4b' : 'phi-4-mini',
              input_tokens: Math.floor(200 + r() * 600),
              output_tokens: output,
              latency_us: Math.floor(output * 6000 * (0.8 + 0.4 * r())),
              status: r() < 0.015 ? 'error' : 'ok',
            }),
          );
        }
    }
    // A batch all around the clock, so that silence would be heard.
    for (let n = 0; n < 24 * 12; n++)
      records.push(
        asked(from + day * DAY + (n + r()) * (HOUR / 12), {
          user_id: 'svc-index',
          client_ip: '10.9.0.1',
          model: 'phi-4-mini',
          output_tokens: 10,
          latency_us: Math.floor(60_000 * (0.8 + 0.4 * r())),
          status: r() < 0.015 ? 'error' : 'ok',
        }),
      );
  }
  return records;
}

/** Asks records in a table rather than in lines, which would be read for each question. */
export async function withMonth<T>(records: readonly Told[], work: (asker: Asker) => Promise<T>): Promise<T> {
  return await withRecords(records, async (asker, db: DuckDBConnection) => {
    await db.run('CREATE TABLE told AS SELECT * FROM records');
    await db.run('DROP VIEW records');
    await db.run('CREATE VIEW records AS SELECT * FROM told');
    return await work(asker);
  });
}
