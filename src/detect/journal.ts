import { closeSync, constants, fstatSync, fsyncSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import { AuditError } from '../errors.ts';
import { makeFolder, readWhole, replaceFile, writeAll } from '../store/durable.ts';

/**
 * A file of lines `<crc> <json>`, each on disk for good once it was added. What a kill has cut is the end of the last line, and
 * nobody was told that it was there.
 */
export class Journal {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** Values of the lines, the numbers of those that are damaged, and whether a cut one stands behind them. */
  read(): {
    readonly values: readonly unknown[];
    readonly damaged: readonly number[];
    readonly isCut: boolean;
  } {
    const text = readWhole(this.path, MOST_BYTES)?.toString('utf8') ?? '';
    const values: unknown[] = [];
    const damaged: number[] = [];
    const lines = text.split('\n');
    const isCut = lines.pop() !== '';
    for (const [i, line] of lines.entries()) {
      const value = valueOf(line);
      if (value === undefined) damaged.push(i + 1);
      else values.push(value);
    }
    return { values, damaged, isCut };
  }

  add(values: readonly unknown[]): void {
    if (values.length === 0) return;
    makeFolder(dirname(this.path), 0o700);
    const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW;
    const fd = openSync(this.path, flags, 0o600);
    try {
      if (!fstatSync(fd).isFile()) throw new AuditError('UNSAFE_PATH', `${this.path} is not a regular file`);
      writeAll(fd, Buffer.from(values.map(lineOf).join(''), 'utf8'));
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  }

  /** All lines at once. */
  replace(values: readonly unknown[]): void {
    makeFolder(dirname(this.path), 0o700);
    replaceFile(this.path, values.map(lineOf).join(''), 0o600);
  }
}

const MOST_BYTES = 1 << 29;

const lineOf = (value: unknown): string => {
  const json = JSON.stringify(value);
  return `${sumOf(json)} ${json}\n`;
};

const sumOf = (json: string): string => crc32(Buffer.from(json, 'utf8')).toString(16).padStart(8, '0');

function valueOf(line: string): unknown {
  const json = line.slice(9);
  if (line.slice(0, 9) !== `${sumOf(json)} `) return undefined;
  try {
    return JSON.parse(json) as unknown;
  } catch {
    return undefined;
  }
}
