import { relative } from 'node:path';
import type { Inventory, PayloadFile, SealedSegment } from '../log/inventory.ts';
import { numbersOf } from '../log/ranges.ts';
import { type Layout, quarantinePath, recordsPath } from '../store/layout.ts';
import { digestFile } from '../store/store.ts';
import type { Finding } from './finding.ts';

/** What was looked at, and what is wrong with it. */
export interface CheckedFile {
  readonly findings: readonly Finding[];
  /** Bytes that were there. */
  readonly bytes: number;
  /** Was it there? */
  readonly isThere: boolean;
  /** Records whose leaf hashes were made again. */
  readonly recomputed: number;
}

/**
 * One file of records: its digest, and that its rows are what the manifests' roots say, if `records` or if a later entry has
 * restated it: then its digest was signed by a later key, and vouches for nothing.
 */
export async function checkPayload(
  at: Layout,
  inventory: Inventory,
  stated: PayloadFile,
  records: boolean,
): Promise<CheckedFile> {
  const first = inventory.get(stated.segments[0]!)!;
  const path = recordsPath(at, stated, first.at);
  const file = relative(at.store, path);
  const of = { entry: stated.entry, segment: first.segment, file };
  const digest = await digestFile(path);
  const bytes = digest?.bytes ?? 0;
  if (!digest)
    return { findings: [{ code: 'PAYLOAD_MISSING', ...of }], bytes, isThere: false, recomputed: 0 };
  if (digest.sha256 !== stated.sha256 || digest.bytes !== stated.bytes) {
    const [expected, actual] = [stated.sha256, digest.sha256];
    const findings: Finding[] = [{ code: 'PAYLOAD_ALTERED', ...of, expected, actual }];
    return { findings, bytes, isThere: true, recomputed: 0 };
  }
  if (!records && !stated.isRestated) return { findings: [], bytes, isThere: true, recomputed: 0 };
  return { ...(await checkRecords(path, file, inventory, stated)), bytes, isThere: true };
}

async function checkRecords(
  path: string,
  file: string,
  inventory: Inventory,
  { segments, entry }: PayloadFile,
): Promise<Pick<CheckedFile, 'findings' | 'recomputed'>> {
  const { readPayload } = await import('../duck/payload.ts');
  const held = segments.map(n => inventory.get(n)!);
  const of = { entry, segment: segments[0]!, file };
  try {
    const counts = held.map(s => s.records);
    // What a host could not read for a moment was not altered.
    const content = await readPayload(path, counts).catch(() => readPayload(path, counts));
    const findings: Finding[] = content.problems.map(actual => ({ code: 'RECORDS_MISMATCH', ...of, actual }));
    for (const [i, segment] of held.entries()) {
      const where = { entry: segment.entry, segment: segment.segment, file };
      for (const [expected, actual] of differences(segment, content.parts[i], inventory))
        findings.push({ code: 'RECORDS_MISMATCH', ...where, expected, actual });
    }
    return { findings, recomputed: content.rows };
  } catch (error) {
    const actual = error instanceof Error ? error.message.split('\n', 1)[0]! : String(error);
    return { findings: [{ code: 'PAYLOAD_UNREADABLE', ...of, actual }], recomputed: 0 };
  }
}

type Part = import('../duck/payload.ts').PayloadPart;

/** What a segment's rows are to be, and what they are. */
function* differences(
  segment: SealedSegment,
  part: Part | undefined,
  inventory: Inventory,
): Generator<readonly [expected: string, actual: string]> {
  if (!part) return;
  const { records, root, span } = segment;
  if (!part.root.equals(root) || part.rows !== records)
    yield [
      `${records} rows, ${root.toString('base64')}`,
      `${part.rows} rows, ${part.root.toString('base64')}`,
    ];
  const listed = [...numbersOf(inventory.redacted.get(segment.segment) ?? [])];
  const [wanted, found] = [listed.toSorted((a, b) => a - b).join(), part.redacted.join()];
  if (wanted !== found) yield [`redacted rows ${wanted || 'none'}`, `redacted rows ${found || 'none'}`];
  // Redacted rows have no time: what is left lies within.
  const isWithin =
    listed.length > 0 &&
    (part.span?.from ?? '9') >= (span?.from ?? '') &&
    (part.span?.to ?? '') <= (span?.to ?? '');
  if (!isWithin && (part.span?.from !== span?.from || part.span?.to !== span?.to))
    yield [spanText(span), spanText(part.span)];
}

const spanText = (span: { from: string; to: string } | undefined): string =>
  span ? `${span.from} to ${span.to}` : 'no span';

/** The rejected lines of a segment that has some still. */
export async function checkQuarantine(at: Layout, segment: SealedSegment): Promise<CheckedFile> {
  const path = quarantinePath(at, segment.segment);
  const of = { entry: segment.entry, segment: segment.segment, file: relative(at.store, path) };
  const digest = await digestFile(path);
  const { sha256, bytes } = segment.rejected!;
  const findings: Finding[] = [];
  if (!digest) findings.push({ code: 'QUARANTINE_MISSING', ...of });
  else if (digest.sha256 !== sha256 || digest.bytes !== bytes)
    findings.push({ code: 'QUARANTINE_ALTERED', ...of, expected: sha256, actual: digest.sha256 });
  return { findings, bytes: digest?.bytes ?? 0, isThere: digest !== undefined, recomputed: 0 };
}
