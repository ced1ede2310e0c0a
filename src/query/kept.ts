import { join } from 'node:path';
import type { Checked } from '../duck/job.ts';
import type { Known, KnownPayload } from '../store/known.ts';

/** What is remembered of payloads, and how what was checked now is added to it. */
export interface KeptPayloads {
  readonly payloads: ReadonlyMap<string, KnownPayload>;
  /** The folder of their filters. */
  readonly filters: string | undefined;
  with(checked: readonly Checked[]): Map<string, KnownPayload>;
}

export function keptPayloads({ payloads }: Known, folder: string | undefined): KeptPayloads {
  return {
    payloads,
    filters: folder === undefined ? undefined : join(folder, 'filters'),
    with(checked) {
      const all = new Map(payloads);
      for (const { sha256, identity, at, ...made } of checked) {
        const old = all.get(sha256);
        all.set(sha256, {
          ...old,
          ...made,
          identity: identity ?? old?.identity ?? '',
          at: at ?? old?.at ?? 0,
        });
      }
      return all;
    },
  };
}
