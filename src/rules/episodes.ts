import type { CompiledRule } from './rule.ts';

export interface Hit {
  readonly ts: string;
  readonly from: string;
  readonly entity: readonly (string | null)[];
}

export interface FoundEpisode {
  readonly entity: Readonly<Record<string, string | null>>;
  readonly firstHit: string;
  readonly to: string;
  readonly hits: number;
}

/**
 * Hits of a rule's test as detection would tell of them: of one entity, no further apart than `episode` or with a window that reaches back
 * to the one before; an episode that begins within `suppress` after the end of the last is not told.
 */
export function episodesOf({ entity, rule }: CompiledRule, hits: readonly Hit[]): FoundEpisode[] {
  const { episode, suppress } = rule.options;
  const byEntity = new Map<string, Hit[]>();
  for (const hit of hits) {
    const key = JSON.stringify(hit.entity);
    byEntity.set(key, [...(byEntity.get(key) ?? []), hit]);
  }
  const told: FoundEpisode[] = [];
  for (const own of byEntity.values()) {
    const parts: Hit[][] = [];
    for (const hit of own.toSorted((a, b) => (a.ts < b.ts ? -1 : a.ts > b.ts ? 1 : 0))) {
      const last = parts.at(-1)?.at(-1);
      if (last && (secondsFrom(last.ts, hit.ts) <= episode || hit.from <= last.ts)) parts.at(-1)!.push(hit);
      else parts.push([hit]);
    }
    let end: string | undefined;
    for (const part of parts) {
      const [first, last] = [part[0]!, part.at(-1)!];
      if (end !== undefined && secondsFrom(end, first.ts) <= suppress) continue;
      end = last.ts;
      told.push({
        entity: Object.fromEntries(entity.map((name, i) => [name, first.entity[i] ?? null])),
        firstHit: first.ts,
        to: last.ts,
        hits: part.length,
      });
    }
  }
  return told.toSorted((a, b) => (a.firstHit < b.firstHit ? -1 : 1));
}

const secondsFrom = (a: string, b: string): number => (Date.parse(b) - Date.parse(a)) / 1000;
