import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { coverageOf } from '../coverage/coverage.ts';
import { findRecords, type Found } from '../coverage/found.ts';
import type { Coverage } from '../coverage/report.ts';
import type { Told } from '../coverage/told.ts';
import { AuditError } from '../errors.ts';
import type { QueryOptions } from '../query/query.ts';
import type { Store } from '../store/store.ts';
import { type Written, writeRecords } from './records.ts';

/** What the records of a pack say. */
export interface Gathered {
  readonly coverage: Coverage;
  readonly written: Written;
  /** What could not be read. */
  readonly troubles: readonly string[];
}

export interface Gathering {
  readonly since?: string;
  readonly until?: string;
  readonly zone: string;
  readonly now: string;
  readonly asking: QueryOptions;
  /** Where verification has found something, what can't be read is said, and the rest is packed. */
  readonly isIntact: boolean;
  /** Of the pack. */
  readonly folder: string;
  readonly step: (name: string) => void;
}

const HOUR = 3_600_000_000;

/** Counts the records of a pack's store, and writes them to its records.ndjson. Throws what asking throws. */
export async function gather(store: Store, told: Told, gathering: Gathering): Promise<Gathered> {
  const { since, until, zone, now, asking, isIntact, folder, step } = gathering;
  const span = { ...(since !== undefined && { since }), ...(until !== undefined && { until }) };
  const troubles: string[] = [];
  const tried = async <T>(otherwise: T, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      const isOver = error instanceof AuditError && error.code.startsWith('QUERY_');
      if (isIntact || isOver || !(error instanceof AuditError)) throw error;
      troubles.push(`${error.code} ${error.message}`);
      return otherwise;
    }
  };
  step('counting');
  const nothing: Found = { days: [], gaps: [] };
  const found = await tried(nothing, () => findRecords(store, { ...span, zone }, HOUR, asking));
  step('writing records');
  const path = join(folder, 'records.ndjson');
  const written = await tried<Written>({ records: 0 }, () => writeRecords(store, span, asking, path));
  if (!existsSync(path)) writeFileSync(path, '', { mode: 0o600 });
  return { coverage: coverageOf(told, found, { ...span, zone, now }), written, troubles };
}
