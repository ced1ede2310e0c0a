import { randomBytes } from 'node:crypto';
import { createWriteStream, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Writable } from 'node:stream';
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

export function targetOf(path: string | undefined, stdout: Writable): Target {
  if (path === undefined || path === '-')
    return { stream: stdout, isFile: false, keep: () => Promise.resolve(), drop: () => undefined };
  const temporary = join(dirname(path), `.slmaudit-${randomBytes(8).toString('hex')}.tmp`);
  const stream = createWriteStream(temporary, { flags: 'wx', mode: 0o600 });
  // Said by whoever writes next.
  stream.on('error', () => undefined);
  let kept = false;
  return {
    stream,
    isFile: true,
    async keep() {
      await new Promise<void>((resolve, reject) => {
        if (stream.errored) reject(stream.errored);
        stream.once('error', reject).end(resolve);
      });
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
