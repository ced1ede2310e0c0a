import { closeSync, constants, fsyncSync, openSync } from 'node:fs';
import { AuditError } from '../errors.ts';
import { removeFile, syncFile, writeAll } from '../store/durable.ts';
import { type Layout, openFile, partFile } from '../store/layout.ts';
import { walkFrames } from '../store/open.ts';
import { digestFile, type FileDigest } from '../store/store.ts';
import type { Batch } from './batch.ts';
import type { Part } from './parts.ts';

/** A part of a batch whose payload and quarantine lie beside the open segment, durable and read back, not yet in the log. */
export interface Prepared {
  readonly part: Part;
  readonly payload?: FileDigest & { readonly path: string };
  readonly quarantine?: FileDigest & { readonly path: string };
}

/**
 * The part of sealing that needs no lock: the Parquet payload from the frames, every leaf hash again from what was
 * written, and the two roots compared. Throws READ_BACK_DIFFERS, and what DuckDB throws; the open segment stays.
 */
export async function prepare(at: Layout, batch: Batch, parts: readonly Part[]): Promise<Prepared[]> {
  const prepared: Prepared[] = [];
  for (const part of parts) prepared.push(await preparePart(at, batch, part));
  return prepared;
}

async function preparePart(at: Layout, batch: Batch, part: Part): Promise<Prepared> {
  const { header } = batch;
  const { records, rejected, root, span } = part;
  let prepared: Prepared = { part };
  if (records > 0) {
    const path = partFile(at, header.batch, part.part?.index ?? 0);
    removeFile(path);
    // A run that finds nothing new seals nothing: it needs no engine.
    const { readPayload, writePayload } = await import('../duck/payload.ts');
    await writePayload(batch.path, recordsOf(batch), path, part.part && part.class);
    syncFile(path);
    const back = await readPayload(path, [records]);
    const [read] = back.parts;
    const same =
      read?.root.equals(root) === true &&
      back.rows === records &&
      read.span?.from === span?.from &&
      read.span?.to === span?.to &&
      read.redacted.length === 0;
    if (!same || back.problems.length > 0) {
      const why =
        back.problems[0] ?? `${back.rows} rows with another root than the ${records} records that were read`;
      throw differs(batch, why);
    }
    prepared = { ...prepared, payload: { path, ...(await digested(path)) } };
  }
  if (rejected > 0) {
    const path = openFile(at, header.batch, 'quarantine');
    const written = writeQuarantine(batch.path, path);
    if (written !== rejected) throw differs(batch, `${written} of ${rejected} rejected lines`);
    prepared = { ...prepared, quarantine: { path, ...(await digested(path)) } };
  }
  return prepared;
}

const recordsOf = ({ parts }: Batch): number => parts.reduce((sum, part) => sum + part.records, 0);

function differs({ header, path }: Batch, why: string): AuditError {
  return new AuditError(
    'READ_BACK_DIFFERS',
    `what was written for batch ${header.batch} does not read back: ${why}`,
    {
      hint: `nothing was lost: the records are in ${path}; look at the disk and the memory of this host, then \`slmaudit seal\``,
    },
  );
}

async function digested(path: string): Promise<FileDigest> {
  const digest = await digestFile(path);
  if (digest) return digest;
  throw new AuditError('FILE_GONE', `${path} went away while it was being sealed`, {
    hint: 'run `slmaudit seal`',
  });
}

/** The rejected lines of a batch, one JSON object a line; returns how many. */
function writeQuarantine(from: string, to: string): number {
  removeFile(to);
  const fd = openSync(
    to,
    constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | constants.O_NOFOLLOW,
    0o600,
  );
  try {
    let count = 0;
    walkFrames(from, frame => {
      if (frame.kind !== 'reject') return;
      writeAll(fd, Buffer.concat([frame.line, Buffer.from('\n')]));
      count++;
    });
    fsyncSync(fd);
    return count;
  } finally {
    closeSync(fd);
  }
}
