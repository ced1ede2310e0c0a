import { createReadStream, createWriteStream, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Checked, Plan, Progress, Reads } from '../duck/job.ts';
import type { Heard } from '../duck/process.ts';
import { AuditError } from '../errors.ts';
import { microsOf } from '../record/time.ts';
import { type Placed, placeSegments, unprovedSegments, writeKnown } from '../store/known.ts';
import { localPin, type Store } from '../store/store.ts';
import { notNamed, readOpenRecords } from '../store/unsealed.ts';
import { filesOf } from './files.ts';
import { keptPayloads } from './kept.ts';
import type { Answered, Question, QueryOptions } from './query.ts';
import { tablesOf } from './tables.ts';

export interface Asked extends Pick<Question, 'since' | 'until'> {
  /** A text with the names of the views that are needed, beside those of records. */
  readonly names: string;
}

/** What there is to read, and what comes of reading it. */
export interface FoundReads {
  readonly reads: Reads;
  /** Tells `options` how it goes on, and keeps it for answered(). */
  hearing(options: QueryOptions): Told;
  /** Spares the next query what was checked. */
  remember(checked: readonly Checked[]): void;
  answered(told: Told): Answered;
}

interface Told extends Heard {
  readonly told: { plan: Plan; findings: readonly string[]; engine: string };
}

/**
 * Finds what is sealed, and what running ingests have made durable. Open segments are read first and the checkpoint after
 * them, so that a record that is sealed meanwhile is seen once. What is not a payload is written to `folder`.
 */
export async function findReads(
  store: Store,
  { since, until, names }: Asked,
  options: QueryOptions,
  folder: string,
): Promise<FoundReads> {
  const unsealed = options.repeatable ? [] : readOpenRecords(store, folder);
  const findings: string[] = [];
  const placed = place(store, options, findings);
  const open = notNamed(unsealed, placed.inventory.segments)
    .filter(u => u.records > 0 && u.batch !== options.except)
    .map(u => u.path);
  const all = join(folder, 'open.ndjson');
  for (const path of open)
    await pipeline(createReadStream(path), createWriteStream(all, { flags: 'a', mode: 0o600 }));
  const kept = keptPayloads(placed.known, options.known);
  const size = Math.min(options.size ?? Infinity, placed.head.size);
  const { files, segments, pruned, below } = filesOf(store, placed.inventory, kept, {
    size,
    fromSeq: options.fromSeq ?? 0,
    strict: options.strict ?? false,
  });
  const { head, genesis } = placed;
  return {
    reads: {
      span: {
        ...(since !== undefined && { from: microsOf(since) }),
        ...(until !== undefined && { to: microsOf(until) }),
      },
      files,
      ...(below !== undefined && { below }),
      ...(open.length > 0 && { open: all }),
      tables: tablesOf(store, names, size, folder),
      memory: `${Math.max(64, Math.floor(options.memory / 2 ** 20))}MiB`,
      temporary: join(folder, 'spill'),
      spill: spillOf(folder),
      strict: options.strict ?? false,
      unverified: options.unverified ?? false,
      findings,
      ...(options.threads !== undefined && { threads: options.threads }),
      ...(kept.filters !== undefined && !options.strict && { filters: kept.filters }),
    },
    hearing({ onPlan, onProgress }) {
      const told: Told['told'] = { plan: { read: [], leftOut: [], open: false }, findings: [], engine: '' };
      return {
        told,
        plan(made: Plan, wrong: readonly string[]): void {
          const leftOut = [...made.leftOut, ...pruned.map(segment => ({ segment, why: 'pruned' as const }))];
          told.plan = { ...made, leftOut: leftOut.toSorted((a, b) => a.segment - b.segment) };
          told.findings = wrong;
          onPlan?.({ plan: told.plan, findings: wrong });
        },
        progress: (p: Progress): void => onProgress?.(p),
        engine: (name: string): void => void (told.engine = name),
      };
    },
    remember(checked) {
      if (options.known === undefined || findings.length > 0) return;
      const grown = placed.log !== placed.known.log || checked.length > 0;
      if (grown) writeKnown(options.known, genesis, { log: placed.log, payloads: kept.with(checked) });
    },
    answered: ({ told }) => ({ head, genesis, segments, files, ...told }),
  };
}

function place(store: Store, options: QueryOptions, findings: string[]): Placed {
  const pin = localPin(store);
  try {
    return placeSegments(store.at, pin, options.known, options.strict);
  } catch (error) {
    if (!options.unverified || !(error instanceof AuditError) || error.exit !== 1) throw error;
    findings.push(`${error.code} ${error.message}`);
    return unprovedSegments(store.at);
  }
}

/** At most 16 GiB, and a tenth of what is free stays so. */
function spillOf(folder: string): string {
  const { bavail, bsize } = statfsSync(folder);
  return `${Math.max(16, Math.floor(Math.min(16 * 2 ** 30, bavail * bsize * 0.9) / 2 ** 20))}MiB`;
}
