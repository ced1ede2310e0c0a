import { DEFAULT_CLASS, KEEP_ALL, type Policy, policyLines } from '../src/log/policy.ts';
import type { SealedSegment } from '../src/log/inventory.ts';
import { appendEvent } from '../src/seal/append.ts';
import { readHistory } from '../src/store/history.ts';
import { openStore, type Store } from '../src/store/store.ts';
import { sealedRows } from './parquet.ts';
import type { Sandbox } from './sandbox.ts';

/** A policy of classes that let everything go at once, by rules of one condition each: class, column, values. */
export function policyOf(...rules: readonly (readonly [string, string, ...string[]])[]): Policy {
  const names = new Set([DEFAULT_CLASS, ...rules.map(([name]) => name)]);
  return {
    ...KEEP_ALL,
    classes: [...names].map(name => ({ name, min: 0, age: 'sealed', basis: [] })),
    rules: rules.map(([name, column, ...values]) => ({
      class: name,
      where: [{ column: column as Policy['rules'][number]['where'][number]['column'], values }],
    })),
  };
}

export const opened = (box: Sandbox): Store => openStore(box.store, box.keys);

/** From here on the policy is in force; returns its entry. */
export async function putPolicy(box: Sandbox, policy: Policy): Promise<number> {
  const event = { kind: 'policy', lines: policyLines(policy) };
  return (await appendEvent(opened(box), { lockWaitMs: 10_000, now: Date.now() }, () => event))!;
}

export const segmentsOf = (box: Sandbox): readonly SealedSegment[] => readHistory(opened(box).at).segments;

/** `request_id` of the sealed records of each class, in their order. */
export async function idsByClass(box: Sandbox): Promise<Record<string, string[]>> {
  const ids = (await sealedRows(box.store, ['request_id'])).map(row => String(row['request_id']));
  const found: Record<string, string[]> = {};
  for (const { class: name, first, records } of segmentsOf(box))
    (found[name] ??= []).push(...ids.slice(first, first + records));
  return found;
}
