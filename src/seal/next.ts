import { AuditError } from '../errors.ts';
import type { SealedSegment } from '../log/inventory.ts';
import { formatRanges, MOST_REJECTED, numbersOf } from '../log/ranges.ts';
import type { SourceRange } from '../log/segment.ts';
import type { Part } from './parts.ts';

/** What a log says that its segments were read from. */
export interface Read {
  /** Of a file, in the order of the log. */
  readonly rangesOf: (identity: string) => readonly Pick<SourceRange, 'to'>[];
  /** Asked only where lines were retried. */
  readonly segments: () => readonly Pick<SealedSegment, 'rejected' | 'retried'>[];
  /** Bytes before it that nobody has any more keep nothing from being sealed: that they are missing is in the log then. */
  readonly gaps: boolean;
}

/**
 * Does what an open segment says it was read from come next? It always does where its writer made it, whatever was killed: files are read on
 * from where the log and the open segments before it end, rejected lines once. Sealed all the same, it would be a finding for ever (SPEC 9,
 * step 8). Throws BYTES_MISSING where bytes before it are in no segment, ALREADY_SEALED where it can never come next any more.
 */
export function checkNext(parts: readonly Pick<Part, 'sources' | 'retried'>[], read: Read): void {
  const ends = new Map<string, number>();
  for (const { name, identity, from, to } of parts.flatMap(p => p.sources)) {
    const end = ends.get(identity) ?? read.rangesOf(identity).reduce((most, r) => Math.max(most, r.to), 0);
    if (from > end && !read.gaps)
      throw new AuditError(
        'BYTES_MISSING',
        `it holds ${name} from byte ${from} on, and the log ends at ${end}`,
      );
    if (from < end || to < from)
      throw new AuditError(
        'ALREADY_SEALED',
        `it holds ${name} from byte ${from} to ${to}, and the log has it up to ${end}`,
      );
    ends.set(identity, to);
  }
  const retried = parts.flatMap(p => p.retried);
  if (retried.length > 0) checkRetried(retried, read.segments());
}

function checkRetried(retried: Part['retried'], segments: ReturnType<Read['segments']>): void {
  const lines = new Map<number, Set<number>>();
  const countIn = (segment: number): number =>
    Math.min(segments[segment]?.rejected?.count ?? 0, MOST_REJECTED);
  const isNew = ({ segment, ranges }: Part['retried'][number]): boolean => {
    const before = lines.get(segment) ?? new Set();
    lines.set(segment, before);
    const again = [...numbersOf(ranges)].filter(n => before.has(n) || !before.add(n));
    return again.length === 0;
  };
  const isThere = ({ segment, ranges }: Part['retried'][number]): boolean =>
    ranges.at(-1)![1] <= countIn(segment);
  const meant = new Set(retried.map(r => r.segment));
  for (const one of segments.flatMap(s => s.retried)) if (meant.has(one.segment) && isThere(one)) isNew(one);
  for (const one of retried) {
    const { segment, ranges } = one;
    if (isThere(one) && isNew(one)) continue;
    const why = isThere(one) ? 'and some of them were before' : `which has ${countIn(segment)}`;
    throw new AuditError(
      'ALREADY_SEALED',
      `it retries lines ${formatRanges(ranges).slice(0, 200)} of segment ${segment}, ${why}`,
    );
  }
}
