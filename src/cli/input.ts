import type { Readable } from 'node:stream';
import { AuditError } from '../errors.ts';
import { promptOf } from '../hash/hash.ts';
import type { JsonValue } from '../record/json.ts';
import { readBounded } from '../store/durable.ts';

const MOST_PROMPT_BYTES = 64 << 20;

/**
 * All that a file gives, or for `-` standard input. That is waited for: read at once, a pipe that isn't filled yet fails with EAGAIN.
 * Throws TOO_LARGE, and what the system says.
 */
export async function readInput(from: string, stdin: Readable, maxBytes: number): Promise<Buffer> {
  if (from !== '-') return readBounded(from, maxBytes);
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of stdin as AsyncIterable<Uint8Array>) {
    parts.push(Buffer.from(part));
    size += part.length;
    if (size > maxBytes)
      throw new AuditError('TOO_LARGE', `standard input gives more than ${maxBytes} bytes`);
  }
  return Buffer.concat(parts);
}

/** The prompt that a file or standard input holds. Throws INPUT_UNREADABLE. */
export async function readPrompt(from: string, stdin: Readable): Promise<JsonValue> {
  let bytes: Buffer;
  try {
    bytes = await readInput(from, stdin, MOST_PROMPT_BYTES);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new AuditError('INPUT_UNREADABLE', `can't read ${from}: ${why}`, {
      hint: 'name a file that holds a text, or messages as JSON',
      cause,
    });
  }
  return promptOf(bytes);
}
