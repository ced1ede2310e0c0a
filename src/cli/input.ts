import type { Readable } from 'node:stream';
import { AuditError, systemText } from '../errors.ts';
import { promptOf } from '../hash/hash.ts';
import type { JsonValue } from '../record/json.ts';
import { readBounded } from '../store/durable.ts';

const MOST_PROMPT_BYTES = 64 << 20;
const MOST_KEY_BYTES = 65_536;

/**
 * All that a file gives, or for `-` standard input. That is waited for: read at once, a pipe that isn't filled yet fails with EAGAIN.
 * Throws INPUT_UNREADABLE, with `hint`.
 */
export async function readInput(
  from: string,
  stdin: Readable,
  { maxBytes, hint }: { readonly maxBytes: number; readonly hint: string },
): Promise<Buffer> {
  try {
    return from === '-' ? await allOf(stdin, maxBytes) : readBounded(from, maxBytes);
  } catch (cause) {
    const why = cause instanceof Error ? systemText(cause) : String(cause);
    const name = from === '-' ? 'standard input' : from;
    throw new AuditError('INPUT_UNREADABLE', `can't read ${name}: ${why}`, { hint, cause });
  }
}

async function allOf(stdin: AsyncIterable<Uint8Array>, maxBytes: number): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of stdin) {
    parts.push(part);
    size += part.length;
    if (size > maxBytes) throw new AuditError('TOO_LARGE', `it gives more than ${maxBytes} bytes`);
  }
  return Buffer.concat(parts);
}

/** The prompt that a file or standard input holds. Throws INPUT_UNREADABLE. */
export async function readPrompt(from: string, stdin: Readable): Promise<JsonValue> {
  const hint = 'name a file that holds a text, or messages as JSON';
  return promptOf(await readInput(from, stdin, { maxBytes: MOST_PROMPT_BYTES, hint }));
}

/** The one key that a file or standard input holds. Throws INPUT_UNREADABLE. */
export async function readApiKey(from: string, stdin: Readable): Promise<string> {
  const hint = 'name a file that holds one key and nothing else, or - for standard input';
  const key = (await readInput(from, stdin, { maxBytes: MOST_KEY_BYTES, hint })).toString('utf8').trim();
  if (key !== '' && !/\s/.test(key)) return key;
  const name = from === '-' ? 'standard input' : from;
  throw new AuditError('INPUT_UNREADABLE', `there is no key in ${name}`, { hint });
}
