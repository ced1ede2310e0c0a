import { createReadStream, createWriteStream, statSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';

const BLOCK = 512;
/** What eleven octal digits can say; beyond, GNU's binary form, which every tar of today reads. */
const MOST_OCTAL = 8 ** 11 - 1;

/**
 * Writes files as `top/<name>` into a gzipped ustar archive (POSIX.1-1988), in the order given. Who runs it, and when, leaves no trace:
 * owner 0, one time for all, no name or time in the gzip header.
 */
export async function writeTarball(
  folder: string,
  names: readonly string[],
  { path, top, mtime }: { readonly path: string; readonly top: string; readonly mtime: number },
): Promise<void> {
  await pipeline(
    Readable.from(blocks(folder, names, top, mtime)),
    createGzip(),
    createWriteStream(path, { flags: 'wx', mode: 0o600, flush: true }),
  );
}

async function* blocks(
  folder: string,
  names: readonly string[],
  top: string,
  mtime: number,
): AsyncGenerator<Buffer> {
  for (const name of names) {
    const { size } = statSync(join(folder, name));
    yield header(`${top}/${name}`, size, mtime);
    let sent = 0;
    for await (const chunk of createReadStream(join(folder, name), { highWaterMark: 1 << 18 })) {
      sent += (chunk as Buffer).length;
      yield chunk as Buffer;
    }
    if (sent !== size) throw new Error(`${name} changed while it was packed`);
    yield Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK);
  }
  yield Buffer.alloc(2 * BLOCK);
}

/** Of a regular file. `mtime`: seconds since 1970. */
export function header(path: string, size: number, mtime: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  const { name, prefix } = split(path);
  const text = (value: string, at: number): void => void block.write(value, at, 'latin1');
  const octal = (value: number, at: number, width: number): void =>
    text(`${value.toString(8).padStart(width - 1, '0')}\0`, at);
  text(name, 0);
  octal(0o600, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  if (size <= MOST_OCTAL) octal(size, 124, 12);
  else {
    block[124] = 0x80;
    block.writeBigUInt64BE(BigInt(size), 128);
  }
  octal(mtime, 136, 12);
  text(' '.repeat(8), 148);
  text('0', 156);
  text('ustar\u000000', 257);
  text(prefix, 345);
  const sum = block.reduce((all, byte) => all + byte, 0);
  text(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

/** ustar has 100 bytes for a name, and 155 for the folders before it. */
function split(path: string): { name: string; prefix: string } {
  if (path.length <= 100) return { name: path, prefix: '' };
  const at = path.lastIndexOf('/');
  const [prefix, name] = [path.slice(0, at), path.slice(at + 1)];
  if (prefix.length > 155 || name.length > 100) throw new RangeError(`${path} is too long for a tar archive`);
  return { name, prefix };
}
