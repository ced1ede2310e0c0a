import type { JobFile } from '../duck/job.ts';
import type { Inventory } from '../log/inventory.ts';
import { spanOver } from '../log/span.ts';
import type { PlacedSegment } from '../store/known.ts';
import { recordsPath } from '../store/layout.ts';
import type { Store } from '../store/store.ts';
import type { KeptPayloads } from './kept.ts';

export interface Wanted {
  /** Only segments of the first so many entries. */
  readonly size: number;
  /** Only segments with records from this place on. */
  readonly fromSeq: number;
  /** Nothing that is remembered counts. */
  readonly strict: boolean;
}

export interface Found {
  /** Segments that were wanted, whether they are there or not. */
  readonly segments: readonly PlacedSegment[];
  readonly files: readonly JobFile[];
  /** Of those segments, the ones that were deleted as recorded. */
  readonly pruned: readonly number[];
  /** The first place that is not wanted, where a file holds records from there on. */
  readonly below?: number;
}

/** Which files hold the segments that a question can be about, as the log says it now. */
export function filesOf(
  { at }: Store,
  inventory: Inventory<PlacedSegment>,
  kept: KeptPayloads,
  { size, fromSeq, strict }: Wanted,
): Found {
  const segments = inventory.segments.filter(s => s.entry < size && s.first + s.records > fromSeq);
  const wanted = new Set(segments.map(s => s.segment));
  const files = inventory
    .payloadFiles()
    .filter(file => file.segments.some(n => wanted.has(n)))
    .map((file): JobFile => {
      const held = file.segments.map(n => inventory.get(n)!);
      const known = strict ? undefined : kept.payloads.get(file.sha256);
      return {
        sha256: file.sha256,
        bytes: file.bytes,
        isRestated: file.isRestated,
        path: recordsPath(at, file, held[0]!.at),
        span: spanOver(held.map(s => s.span))!,
        segments: held.map(({ segment, first, records, root }) => {
          const redacted = inventory.redacted.get(segment);
          return { segment, first, records, root, ...(redacted && { redacted }) };
        }),
        ...(known && { known }),
      };
    });
  const last = segments.at(-1);
  const end = last ? last.first + last.records : 0;
  const isOver = files.some(f => f.segments.some(s => s.first >= end && s.records > 0));
  return {
    segments,
    files,
    pruned: segments.filter(s => inventory.pruned.has(s.segment) && s.payload).map(s => s.segment),
    ...(isOver && { below: end }),
  };
}
