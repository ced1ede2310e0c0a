import { Readable } from 'node:stream';
import { gunzipped, isGzip } from './file.ts';

/** A pipe's bytes, gunzipped where they begin like gzip. */
export async function* unzipped(stream: Readable, name: string): AsyncGenerator<Buffer> {
  const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let head: Buffer = Buffer.alloc(0);
  while (head.length < 2) {
    const next = await chunks.next();
    if (next.done === true) break;
    head = Buffer.concat([head, next.value]);
  }
  const whole = concatenated(head, chunks);
  yield* isGzip(head) ? gunzipped(Readable.from(whole), name) : whole;
}

async function* concatenated(head: Buffer, chunks: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  if (head.length > 0) yield head;
  for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) yield next.value;
}
