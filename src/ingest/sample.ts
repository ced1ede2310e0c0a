import { Detector, type Detection } from '../normalize/detect.ts';
import { withoutReturn } from '../normalize/piece.ts';
import { DocumentFramer, isDocument } from './document.ts';
import { Framer } from './framer.ts';

/** What the first bytes of an input tell of the rest. */
export interface Sample {
  /** One list, or objects over several lines, rather than a line each. */
  readonly document: boolean;
  readonly detection: Detection;
}

/** Bytes that are looked at, at most. */
export const SAMPLE_BYTES: number = 4 << 20;
/** A pipe's lines wait no longer than this for those that are scored with them. */
const MOST_MS = 1000;

const LF = 10;

export function sampleOf(head: Buffer, ended: boolean, maxLine: number): Sample {
  const document = isDocument(head, ended);
  const detector = new Detector();
  const framer = document ? new DocumentFramer(maxLine) : new Framer(maxLine);
  for (const piece of framer.push(head)) {
    if (piece.kind !== 'lines') continue;
    for (const line of linesIn(piece.bytes, piece.values)) {
      detector.add(line);
      if (detector.isFull) return { document, detection: detector.result() };
    }
  }
  const last = ended ? framer.end() : undefined;
  if (last?.kind === 'unterminated') detector.add(last.bytes);
  return { document, detection: detector.result() };
}

function* linesIn(
  bytes: Buffer,
  values: readonly (readonly [number, number])[] | undefined,
): Generator<Buffer> {
  if (values) for (const [from, to] of values) yield bytes.subarray(from, to);
  else
    for (let from = 0, lf = bytes.indexOf(LF); lf >= 0; from = lf + 1, lf = bytes.indexOf(LF, from)) {
      yield withoutReturn(bytes.subarray(from, lf));
    }
}

/** The first bytes of an input, and all of it from its beginning. */
export interface Headed {
  readonly head: Buffer;
  /** The head is all there is. */
  readonly ended: boolean;
  readonly whole: AsyncGenerator<Buffer>;
}

/** Reads until there are lines enough to be scored, a second after the first byte at most. */
export async function headOf(
  from: AsyncIterable<Buffer>,
  isEnough: (head: Buffer) => boolean,
): Promise<Headed> {
  const chunks = from[Symbol.asyncIterator]();
  let head: Buffer = Buffer.alloc(0);
  let next = chunks.next();
  // An error waits for whoever reads on from the head.
  next.catch(() => undefined);
  let deadline: Promise<undefined> | undefined;
  let timer: NodeJS.Timeout | undefined;
  try {
    while (head.length < SAMPLE_BYTES && !(head.length > 0 && isEnough(head))) {
      const got = await (deadline ? Promise.race([next, deadline]) : next);
      if (got === undefined) break;
      if (got.done === true) return { head, ended: true, whole: chained(head, undefined, chunks) };
      head = head.length === 0 ? got.value : Buffer.concat([head, got.value]);
      next = chunks.next();
      next.catch(() => undefined);
      deadline ??= new Promise(resolve => {
        timer = setTimeout(() => resolve(undefined), MOST_MS);
      });
    }
  } catch {
    // Said behind the head.
  } finally {
    clearTimeout(timer);
  }
  return { head, ended: false, whole: chained(head, next, chunks) };
}

async function* chained(
  head: Buffer,
  next: Promise<IteratorResult<Buffer>> | undefined,
  chunks: AsyncIterator<Buffer>,
): AsyncGenerator<Buffer> {
  try {
    if (head.length > 0) yield head;
    for (let got = await next; got && got.done !== true; got = await chunks.next()) yield got.value;
  } finally {
    await chunks.return?.();
  }
}

/** Cheaply: are there enough lines to be worth scoring? */
export function hasEnoughLines(head: Buffer): boolean {
  let lines = 0;
  for (let lf = head.indexOf(LF); lf >= 0 && lines < 400; lf = head.indexOf(LF, lf + 1)) lines++;
  return lines >= 400;
}
