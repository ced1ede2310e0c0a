import { AuditError } from '../errors.ts';
import type { SignerKey, VerifierKey } from '../note/key.ts';
import { formatNote, noteSignedBy, parseNote, signNote } from '../note/note.ts';
import { parseCount, parseDigest } from './line.ts';
import { checkOrigin } from './origin.ts';

/**
 * A C2SP tlog-checkpoint without extension lines, signed by the log key, whose name is the origin:
 *
 *     audit.example.com/slm/prod
 *     38
 *     fjL0jmKvgJQ3SbNsmAvYnRHp5LVQqSAxHzqDB4iDUYI=
 *
 *     — audit.example.com/slm/prod 1zJ3K...
 */
export interface Checkpoint {
  readonly origin: string;
  readonly size: number;
  readonly root: Buffer;
}

/** The whole note, as it stands in the file. */
export function signCheckpoint(checkpoint: Checkpoint, logKey: SignerKey): string {
  const { origin, size, root } = checkpoint;
  return formatNote(signNote(`${origin}\n${size}\n${root.toString('base64')}\n`, logKey));
}

/** Throws CHECKPOINT_MALFORMED. The signature is not checked here: see checkpointSignedBy. */
export function parseCheckpoint(note: Uint8Array | string): Checkpoint {
  try {
    const { text } = parseNote(note);
    const [origin = '', size = '', root = '', end, ...more] = text.split('\n');
    if (end !== '' || more.length > 0) throw new Error('not three lines');
    return {
      origin: checkOrigin(origin),
      size: parseCount(size, 'the size'),
      root: parseDigest(root, 'the root'),
    };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new AuditError('CHECKPOINT_MALFORMED', `malformed checkpoint: ${why}`, { cause });
  }
}

/** Is it signed by that key under its name? Throws NOTE_MALFORMED. */
export function checkpointSignedBy(note: Uint8Array | string, key: VerifierKey): boolean {
  return noteSignedBy(parseNote(note), key);
}
