import type { Told } from './asker.ts';

/** A record of the generated traffic, of which tests count in plain TypeScript what pages say. */
export interface Generated {
  readonly at: number;
  readonly event_type: string;
  readonly status: string;
  readonly http_status: number;
  readonly error_type: string | null;
  readonly user_id: string | null;
  readonly client_ip: string;
  readonly model: string;
  readonly model_version: string;
  readonly model_requested: string;
  readonly source_id: string;
  readonly operation: string;
  readonly input_tokens: number | null;
  readonly output_tokens: number | null;
  readonly latency_us: number | null;
  readonly ttft_us: number | null;
  readonly cost_microusd: number | null;
}

const DAY = 86_400_000;
export const FIRST: number = Date.UTC(2026, 4, 1);

/** Sixteen days of it, the same each time: a version comes on the tenth day, some users come and go, failures rise. */
export function generated(count = 3000): Generated[] {
  let state = 42;
  const next = (below: number): number => {
    // Numerical Recipes' constants; the upper bits are the good ones.
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  return Array.from({ length: count }, (_, i): Generated => {
    const at = FIRST + Math.floor((i * 16 * DAY) / count) + next(60_000);
    const day = Math.floor((at - FIRST) / DAY);
    const user = next(30);
    const isThere = user < 20 || (user < 25 ? day < 7 : day >= 10);
    const isFailed = next(100) < (day >= 9 ? 12 : 5);
    const status = isFailed
      ? next(3) === 0
        ? 'denied'
        : 'error'
      : (['refused', 'cancelled'][next(40)] ?? 'ok');
    const hasTokens = status === 'ok' && next(10) > 0;
    return {
      at,
      event_type: next(12) === 0 ? 'auth' : 'inference',
      status,
      http_status: isFailed ? 500 + next(4) : 200,
      error_type: isFailed && next(5) > 0 ? `e-${next(3)}` : null,
      user_id: isThere ? `u-${user}` : null,
      client_ip: `192.0.2.${next(50)}`,
      model: `m-${next(3)}`,
      model_version: day >= 10 && next(2) === 0 ? 'v2' : 'v1',
      model_requested: `m-${next(3)}`,
      source_id: `s-${next(2)}`,
      operation: next(4) === 0 ? 'embedding' : 'chat',
      input_tokens: hasTokens ? next(2000) : null,
      output_tokens: hasTokens ? next(800) : null,
      latency_us: next(20) === 0 ? null : 10_000 + next(3_000_000),
      ttft_us: hasTokens ? 1000 + next(90_000) : null,
      cost_microusd: hasTokens && next(2) === 0 ? next(5000) : null,
    };
  });
}

export const toldOf = (all: readonly Generated[]): Told[] =>
  all.map(({ at, ...more }, i) => ({
    ts: new Date(at).toISOString(),
    event_id: `${String(i).padStart(8, '0')}-0000-8000-8000-000000000000`,
    auth_result: more.event_type === 'auth' ? (more.status === 'ok' ? 'success' : 'failure') : null,
    ...more,
  }));

/** As quantile_cont has it: linear between the two nearest. */
export function quantile(numbers: readonly number[], q: number): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const at = q * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(at)]!, sorted[Math.ceil(at)]!];
  return low + (high - low) * (at - Math.floor(at));
}

export function countBy<T>(all: readonly T[], of: (each: T) => string | null): Map<string | null, number> {
  const counts = new Map<string | null, number>();
  for (const each of all) counts.set(of(each), (counts.get(of(each)) ?? 0) + 1);
  return counts;
}

export const sumOf = <T>(all: readonly T[], of: (each: T) => number | null): number =>
  all.reduce((sum, each) => sum + (of(each) ?? 0), 0);
