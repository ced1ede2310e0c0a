import { AuditError } from '../errors.ts';
import { publicKeyOf } from '../keys/ed25519.ts';
import { sha256 } from '../keys/hash.ts';

/**
 * Keys of C2SP signed notes. A verifier key in text, and a signer key in the form of Go's sumdb:
 *
 *     <name>+<hex8(key id)>+<base64(0x01 ‖ public key)>
 *     PRIVATE+KEY+<name>+<hex8(key id)>+<base64(0x01 ‖ seed)>
 *
 * key id = first four bytes of SHA-256(name ‖ 0x0A ‖ 0x01 ‖ public key); 0x01 is Ed25519.
 */
export interface VerifierKey {
  readonly name: string;
  /** As u32, big-endian. */
  readonly keyId: number;
  readonly publicKey: Uint8Array;
}

export interface SignerKey extends VerifierKey {
  readonly seed: Uint8Array;
}

const ED25519 = 0x01;

export function validKeyName(name: string): boolean {
  return name.length > 0 && name.isWellFormed() && !/[\s+\u0000-\u001f\u007f]/u.test(name);
}

/** With the key id that name and key have. `publicKey`: 32 bytes. Throws VKEY_MALFORMED. */
export function makeVerifierKey(name: string, publicKey: Uint8Array): VerifierKey {
  if (!validKeyName(name) || publicKey.length !== 32) throw malformed();
  const id = sha256(Buffer.from(`${name}\n`, 'utf8'), Buffer.of(ED25519), publicKey);
  return { name, keyId: id.readUInt32BE(0), publicKey };
}

/** `seed`: 32 bytes. Throws VKEY_MALFORMED. */
export function makeSigner(name: string, seed: Uint8Array): SignerKey {
  return { ...makeVerifierKey(name, publicKeyOf(seed)), seed };
}

export function formatVkey(key: VerifierKey): string {
  return `${key.name}+${hex8(key.keyId)}+${encode(key.publicKey)}`;
}

export function formatSigner(key: SignerKey): string {
  return `PRIVATE+KEY+${key.name}+${hex8(key.keyId)}+${encode(key.seed)}`;
}

/** Throws VKEY_MALFORMED for anything but the canonical text of an Ed25519 key with its own id. */
export function parseVkey(text: string): VerifierKey {
  const parts = /^([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]{44})$/.exec(text);
  const key = parts && makeVerifierKey(parts[1]!, decode(parts[3]!));
  if (!key || formatVkey(key) !== text) throw malformed();
  return key;
}

/** Throws VKEY_MALFORMED; the message never holds the key. */
export function parseSigner(text: string): SignerKey {
  const parts = /^PRIVATE\+KEY\+([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]{44})$/.exec(text);
  const key = parts && makeSigner(parts[1]!, decode(parts[3]!));
  if (!key || formatSigner(key) !== text) throw malformed();
  return key;
}

const hex8 = (id: number): string => id.toString(16).padStart(8, '0');
const encode = (key: Uint8Array): string => Buffer.concat([Buffer.of(ED25519), key]).toString('base64');

function decode(base64: string): Uint8Array {
  const bytes = Buffer.from(base64, 'base64');
  if (bytes.length !== 33 || bytes[0] !== ED25519) throw malformed();
  return bytes.subarray(1);
}

function malformed(): AuditError {
  return new AuditError('VKEY_MALFORMED', 'that is not an Ed25519 key in the form of a signed note');
}
