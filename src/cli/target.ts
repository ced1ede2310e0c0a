import { randomBytes } from 'node:crypto';
import { createWriteStream, type WriteStream, openSync, renameSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Writable } from 'node:stream';
import { AuditError, systemText } from '../errors.ts';
import { removeFile } from '../store/durable.ts';

/** Where an answer goes: standard output, or a file that appears when it is whole. */
export interface Target {
  readonly stream: Writable;
  readonly isFile: boolean;
  /** The answer is whole. */
  keep(): Promise<void>;
  /** Removes what is not kept. */
  drop(): void;
}

/** Throws OUTPUT_UNWRITABLE, before anything is asked. */
export function targetOf(path: string | undefined, stdout: Writable): Target {
  if (path === undefined || path === '-')
    return { stream: stdout, isFile: false, keep: () => Promise.resolve(), drop: () => undefined };
  const there = statSync(path, { throwIfNoEntry: false });
  if (there?.isDirectory()) throw unwritable(path, 'it is a folder');
  if (there && !there.isFile()) return deviceOf(path);
  const temporary = join(dirname(path), `.slmaudit-${randomBytes(8).toString('hex')}.tmp`);
  const stream = createWriteStream(temporary, { fd: create(temporary, path) });
  // Said by whoever writes next.
  stream.on('error', () => undefined);
  let kept = false;
  return {
    stream,
    isFile: true,
    async keep() {
      await ended(stream, path);
      renameSync(temporary, path);
      kept = true;
    },
    drop() {
      if (kept) return;
      stream.destroy();
      removeFile(temporary);
    },
  };
}

function create(temporary: string, path: string): number {
  try {
    return openSync(temporary, 'wx', 0o600);
  } catch (cause) {
    throw unwritable(path, cause instanceof Error ? systemText(cause) : '', cause);
  }
}

/** A device or a pipe is written to; nothing takes its place. */
function deviceOf(path: string): Target {
  const stream = createWriteStream(path);
  stream.on('error', () => undefined);
  return { stream, isFile: true, keep: () => ended(stream, path), drop: () => void stream.destroy() };
}

/** Throws OUTPUT_UNWRITABLE where not all of it could be written: a full disk shows at the end as well. */
function ended(stream: WriteStream, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (cause: Error): void =>
      reject(unwritable(path, systemText(cause), cause, 'make room, or name another place'));
    if (stream.errored) return fail(stream.errored);
    // Whoever waits for the end of a stream is called back when it fails, too.
    stream.once('error', fail).end((error?: Error | null) => (error ? fail(error) : resolve()));
  });
}

export function unwritable(
  path: string,
  why: string,
  cause?: unknown,
  hint = 'name a file in a folder that is there and that you may write to',
): AuditError {
  return new AuditError('OUTPUT_UNWRITABLE', `can't write ${path}: ${why}`, { hint, cause });
}
