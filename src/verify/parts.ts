import { isSystemError } from '../errors.ts';
import { type Layout, openFile } from '../store/layout.ts';
import { readHeader } from '../store/open.ts';
import type { SealedBatch } from './chain.ts';
import type { Finding } from './finding.ts';

/**
 * Open segments of which the log names some parts and not all (SPEC 9, step 8): while its frames are there, the next writer seals the rest,
 * and that is pending; else records are gone.
 */
export function checkParts(at: Layout, unfinished: readonly SealedBatch[]): Finding[] {
  return unfinished
    .filter(({ batch }) => !isThere(at, batch))
    .map(({ of, parts, first }) => ({
      code: 'PART_MISSING',
      ...first,
      expected: `${of} parts`,
      actual: `part ${[...parts].sort((a, b) => a - b).join(' and ')}`,
    }));
}

function isThere(at: Layout, batch: string): boolean {
  return (['open', 'taken'] as const).some(form => {
    let header: ReturnType<typeof readHeader>;
    try {
      header = readHeader(openFile(at, batch, form));
    } catch (error) {
      // Where nothing can be read, nothing is missing for sure; that the folder can't be is a finding of its own.
      if (!isSystemError(error)) throw error;
      return true;
    }
    return typeof header === 'object' && header.batch === batch;
  });
}
