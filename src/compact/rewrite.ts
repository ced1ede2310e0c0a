import { randomBytes } from 'node:crypto';
import { utimesSync } from 'node:fs';
import { join } from 'node:path';
import { AuditError } from '../errors.ts';
import { mergePayloads, type MergedRows } from '../duck/merge.ts';
import { readPayload } from '../duck/payload.ts';
import type { Inventory, PayloadFile } from '../log/inventory.ts';
import { numbersOf } from '../log/ranges.ts';
import { removeFile, syncFile } from '../store/durable.ts';
import { type Layout, openFolder, recordsPath } from '../store/layout.ts';
import { digestFile, type FileDigest } from '../store/store.ts';
import { checkPayload } from '../verify/payloads.ts';
import type { Finding } from '../verify/finding.ts';

/** A file of records that was made anew, read back and is not in the log yet. */
export interface Made extends FileDigest {
  readonly path: string;
  readonly segments: readonly number[];
  /** What it was made from: if the log says otherwise by the time it is to be stated, it is of no use. */
  readonly from: readonly PayloadFile[];
}

/** Rows to be redacted, by segment, counted from 0. */
export type Redactions = ReadonlyMap<number, readonly number[]>;

/**
 * Writes some segments, in their order, into one file beside the open segments, and reads it back: every root is that of its manifest,
 * and what is redacted is what should be. So what it was made from was unaltered too. Throws PAYLOAD_ALTERED (exit 1) with what is wrong.
 */
export async function rewrite(
  at: Layout,
  inventory: Inventory,
  segments: readonly number[],
  redactions: Redactions = new Map(),
): Promise<Made> {
  const sources = sourcesOf(at, inventory, segments, redactions);
  const path = join(openFolder(at), `.tmp-${randomBytes(8).toString('hex')}`);
  const from = [...new Set(segments.map(n => inventory.files.get(n)!))];
  try {
    await mergePayloads(sources, path);
    // By this host's clock, as whoever clears up looks at it: the file system's may be another.
    const now = Date.now() / 1000;
    utimesSync(path, now, now);
    syncFile(path);
    const wrong = await differences(path, inventory, segments, redactions);
    const digest = await digestFile(path);
    if (wrong !== undefined || !digest) throw await notTheirs(at, inventory, from, wrong ?? 'it went away');
    return { path, ...digest, segments, from };
  } catch (error) {
    removeFile(path);
    if (error instanceof AuditError) throw error;
    const why = error instanceof Error ? error.message.split('\n', 1)[0]! : String(error);
    throw await notTheirs(at, inventory, from, why);
  }
}

function sourcesOf(
  at: Layout,
  inventory: Inventory,
  segments: readonly number[],
  redactions: Redactions,
): MergedRows[] {
  const sources: MergedRows[] = [];
  for (const n of segments) {
    const file = inventory.files.get(n)!;
    const held = file.segments.map(s => inventory.get(s)!);
    const of = held.reduce((sum, s) => sum + s.records, 0);
    const before = held.slice(0, file.segments.indexOf(n));
    const from = before.reduce((sum, s) => sum + s.records, 0);
    const rows = inventory.get(n)!.records;
    const path = recordsPath(at, file, held[0]!.at);
    const redact = (redactions.get(n) ?? []).map(row => from + row);
    const last = sources.at(-1);
    if (last?.path === path && last.from + last.rows === from)
      sources[sources.length - 1] = { ...last, rows: last.rows + rows, redact: [...last.redact, ...redact] };
    else sources.push({ path, bytes: file.bytes, of, from, rows, redact });
  }
  return sources;
}

/** In words, if it isn't what it should be. */
async function differences(
  path: string,
  inventory: Inventory,
  segments: readonly number[],
  redactions: Redactions,
): Promise<string | undefined> {
  const held = segments.map(n => inventory.get(n)!);
  const { parts, problems } = await readPayload(
    path,
    held.map(s => s.records),
  );
  if (problems[0] !== undefined) return problems[0];
  for (const [i, { segment, root, records }] of held.entries()) {
    const part = parts[i]!;
    if (part.rows !== records || !part.root.equals(root)) return `segment ${segment} has another root`;
    const before = [...numbersOf(inventory.redacted.get(segment) ?? [])];
    const wanted = new Set([...before, ...(redactions.get(segment) ?? [])]);
    if (part.redacted.length !== wanted.size || !part.redacted.every(row => wanted.has(row)))
      return `segment ${segment} has other redacted rows`;
  }
  return undefined;
}

/** Whose fault it was: the files', if they are not what was sealed. */
async function notTheirs(
  at: Layout,
  inventory: Inventory,
  from: readonly PayloadFile[],
  why: string,
): Promise<AuditError> {
  const findings: Finding[] = [];
  for (const file of from) findings.push(...(await checkPayload(at, inventory, file, true)).findings);
  const [first] = findings;
  if (first)
    return new AuditError(
      first.code,
      `the records of segment ${first.segment} are not those that were sealed: ${first.file}`,
      {
        exit: 1,
        hint: 'run `slmaudit verify`: it lists all that was altered',
      },
    );
  return new AuditError('READ_BACK_DIFFERS', `what was written does not read back: ${why}`, {
    hint: 'nothing was changed; look at the disk and the memory of this host, then run the same command again',
  });
}
