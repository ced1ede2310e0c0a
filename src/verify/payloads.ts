import { relative } from 'node:path';
import type { Inventory as InventoryOf, PayloadFile } from '../log/inventory.ts';
import { numbersOf } from '../log/ranges.ts';
import { type Layout, quarantinePath, recordsPath } from '../store/layout.ts';
import type { FileDigest } from '../store/store.ts';
import type { Verified } from './columns.ts';
import type { Finding } from './finding.ts';
import { isStated, look, type Seen, type Sight } from './look.ts';

type Inventory = InventoryOf<Verified>;

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
export function sightOf(at: Layout, inventory: Inventory, stated: PayloadFile, records: boolean): Sight {
  const { segments, sha256, bytes, isRestated } = stated;
  const path = recordsPath(at, stated, inventory.get(segments[0]!)!.at);
  const counts = segments.map(n => inventory.get(n)!.records);
  return { path, sha256, bytes, ...((records || isRestated) && { counts }) };
}

/** One file alone, looked at and judged. */
export async function checkPayload(
  at: Layout,
  inventory: Inventory,
  stated: PayloadFile,
  records: boolean,
): Promise<CheckedFile> {
  const sight = sightOf(at, inventory, stated, records);
  return judged(at, inventory, stated, sight, await look(sight));
}

/** What is wrong with what was seen of it. */
export function judged(
  at: Layout,
  inventory: Inventory,
  stated: PayloadFile,
  sight: Sight,
  seen: Seen,
): CheckedFile {
  const file = relative(at.store, sight.path);
  const of = { entry: stated.entry, segment: stated.segments[0]!, file };
  const { digest, content, fault, refused } = seen;
  const bytes = digest?.bytes ?? 0;
  if (refused !== undefined)
    return {
      findings: [{ code: 'NOT_READABLE', ...of, actual: refused }],
      bytes,
      isThere: false,
      recomputed: 0,
    };
  if (!digest)
    return { findings: [{ code: 'PAYLOAD_MISSING', ...of }], bytes, isThere: false, recomputed: 0 };
  const there = { bytes: Math.min(bytes, stated.bytes), isThere: true, recomputed: content?.rows ?? 0 };
  if (!isStated(digest, sight)) {
    const [expected, actual] = differing(stated, digest);
    return { findings: [{ code: 'PAYLOAD_ALTERED', ...of, expected, actual }], ...there };
  }
  if (fault !== undefined)
    return { findings: [{ code: 'PAYLOAD_UNREADABLE', ...of, actual: fault }], ...there };
  return { findings: content ? rowFindings(content, file, inventory, stated) : [], ...there };
}

/** A file that is too long was not read. */
const differing = (stated: FileDigest, { sha256, bytes }: FileDigest): [expected: string, actual: string] =>
  bytes > stated.bytes ? [`${stated.bytes} bytes`, `${bytes} bytes`] : [stated.sha256, sha256];

function rowFindings(
  { problems, parts }: PayloadContent,
  file: string,
  inventory: Inventory,
  { segments, entry }: PayloadFile,
): Finding[] {
  const of = { entry, segment: segments[0]!, file };
  const findings: Finding[] = problems.map(actual => ({ code: 'RECORDS_MISMATCH', ...of, actual }));
  for (const [i, n] of segments.entries()) {
    const segment = inventory.get(n)!;
    const where = { entry: segment.entry, segment: n, file };
    for (const [expected, actual] of differences(segment, parts[i], inventory))
      findings.push({ code: 'RECORDS_MISMATCH', ...where, expected, actual });
  }
  return findings;
}

type PayloadContent = import('../duck/payload.ts').PayloadContent;
type Part = PayloadContent['parts'][number];

/** What a segment's rows are to be, and what they are. */
function* differences(
  segment: Verified,
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
  const redacted = inventory.redacted.get(segment.segment) ?? [];
  // Of as many rows as there are: what is forged may state any number.
  const listed = part.rows === records ? [...numbersOf(redacted)].toSorted((a, b) => a - b) : part.redacted;
  const [wanted, found] = [listed.join(), part.redacted.join()];
  if (wanted !== found) yield [`redacted rows ${wanted || 'none'}`, `redacted rows ${found || 'none'}`];
  // Redacted rows have no time: what is left lies within.
  const isWithin =
    redacted.length > 0 &&
    (part.span?.from ?? '9') >= (span?.from ?? '') &&
    (part.span?.to ?? '') <= (span?.to ?? '');
  if (!isWithin && (part.span?.from !== span?.from || part.span?.to !== span?.to))
    yield [spanText(span), spanText(part.span)];
}

const spanText = (span: { from: string; to: string } | undefined): string =>
  span ? `${span.from} to ${span.to}` : 'no span';

/** The rejected lines of a segment that has some still. */
export async function checkQuarantine(
  at: Layout,
  segment: Verified,
  signal?: AbortSignal,
): Promise<CheckedFile> {
  const path = quarantinePath(at, segment.segment);
  const of = { entry: segment.entry, segment: segment.segment, file: relative(at.store, path) };
  const { sha256, bytes } = segment.rejected!;
  const { digest, refused } = await look({ path, sha256, bytes }, signal);
  const findings: Finding[] = [];
  if (refused !== undefined) findings.push({ code: 'NOT_READABLE', ...of, actual: refused });
  else if (!digest) findings.push({ code: 'QUARANTINE_MISSING', ...of });
  else if (digest.sha256 !== sha256 || digest.bytes !== bytes) {
    const [expected, actual] = differing(segment.rejected!, digest);
    findings.push({ code: 'QUARANTINE_ALTERED', ...of, expected, actual });
  }
  return {
    findings,
    bytes: Math.min(digest?.bytes ?? 0, bytes),
    isThere: digest !== undefined,
    recomputed: 0,
  };
}
