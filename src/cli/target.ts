import { randomBytes } from 'node:crypto';
import { createWriteStream, type WriteStream, openSync, renameSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Writable } from 'node:stream';
import { AuditError } from '../errors.ts';
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
      await ended(stream);
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
    const why = cause instanceof Error ? cause.message.replace(/, open '.*$/, '') : '';
    throw unwritable(path, why, cause);
  }
}

/** A device or a pipe is written to; nothing takes its place. */
function deviceOf(path: string): Target {
  const stream = createWriteStream(path);
  stream.on('error', () => undefined);
  return { stream, isFile: true, keep: () => ended(stream), drop: () => void stream.destroy() };
}

function ended(stream: WriteStream): Promise<void> {
  return new Promise((resolve, reject) => {
    if (stream.errored) reject(stream.errored);
    stream.once('error', reject).end(resolve);
  });
}

function unwritable(path: string, why: string, cause?: unknown): AuditError {
  return new AuditError('OUTPUT_UNWRITABLE', `can't write ${path}: ${why}`, {
    hint: 'name a file in a folder that is there and that you may write to',
    cause,
  });
}
