import { closeSync, constants, fstatSync, fsyncSync, openSync, readSync } from 'node:fs';
import { dirname } from 'node:path';
import { syncFolder, writeAll } from '../store/durable.ts';
import type { Answered } from './deliver.ts';

/** Adds a line to a file. It is there for good once it is accepted. */
export function appendLine(path: string, line: string): Answered {
  try {
    const flags = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK;
    const fd = openSync(path, flags, 0o600);
    try {
      const stat = fstatSync(fd);
      if (!stat.isFile()) return { is: 'refused', why: 'it is no regular file', again: false };
      const last = Buffer.alloc(1);
      // A line that a kill has cut stays by itself.
      const isCut = stat.size > 0 && readSync(fd, last, 0, 1, stat.size - 1) === 1 && last[0] !== 0x0a;
      writeAll(fd, Buffer.from(`${isCut ? '\n' : ''}${line}\n`, 'utf8'));
      fsyncSync(fd);
      if (stat.size === 0) syncFolder(dirname(path));
      return { is: 'accepted' };
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
    return { is: 'refused', why: error.message, again: false };
  }
}
