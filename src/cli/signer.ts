import { AuditError } from '../errors.ts';
import { parseSigner, type SignerKey } from '../note/key.ts';
import { readWhole } from '../store/durable.ts';

/** A private key in a file, as C2SP's notes and Go's sumdb have it. Throws SIGN_KEY_UNREADABLE; the message never holds the key. */
export function readSigner(path: string): SignerKey {
  const text = readWhole(path, 4096)?.toString('utf8').trim();
  const hint = '`slmaudit receipt key NAME -o FILE` makes one';
  if (text === undefined) throw new AuditError('SIGN_KEY_UNREADABLE', `there is no key at ${path}`, { hint });
  try {
    return parseSigner(text);
  } catch (cause) {
    throw new AuditError('SIGN_KEY_UNREADABLE', `${path} holds no key of the form PRIVATE+KEY+...`, {
      hint,
      cause,
    });
  }
}
