import { isUtf8 } from 'node:buffer';
import { AuditError } from '../errors.ts';
import { sign, verify } from '../keys/ed25519.ts';
import { type SignerKey, validKeyName, type VerifierKey } from './key.ts';

/**
 * C2SP signed-note: a text that ends in LF, an empty line, and signature lines
 *
 *     — <name> <base64(key id, 4 bytes ‖ signature)>
 */
export interface Note {
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

export interface NoteSignature {
  readonly name: string;
  readonly keyId: number;
  readonly signature: Uint8Array;
}

const MAX_BYTES = 1_000_000;
const MAX_SIGNATURES = 64;

/** Text, an empty line, a line for each signature. */
export function formatNote(note: Note): string {
  return `${note.text}\n${note.signatures.map(formatSignature).join('')}`;
}

function formatSignature(s: NoteSignature): string {
  const id = Buffer.alloc(4);
  id.writeUInt32BE(s.keyId);
  return `— ${s.name} ${Buffer.concat([id, s.signature]).toString('base64')}\n`;
}

/** Canonical bytes only, at most so many; throws NOTE_MALFORMED. */
export function parseNote(bytes: Uint8Array | string, mostBytes: number = MAX_BYTES): Note {
  const data = typeof bytes === 'string' ? Buffer.from(bytes, 'utf8') : bytes;
  if (data.length > mostBytes) throw malformed(`it has more than ${mostBytes} bytes`);
  if (!isUtf8(data)) throw malformed('it is not UTF-8');
  const whole = Buffer.from(data.buffer, data.byteOffset, data.length).toString('utf8');
  if (/[\u0000-\u0009\u000b-\u001f]/.test(whole)) throw malformed('it holds control characters');
  const split = whole.lastIndexOf('\n\n');
  if (split < 0) throw malformed('no empty line before signatures');
  const lines = whole.slice(split + 2).split('\n');
  if (lines.pop() !== '') throw malformed('it does not end with a line feed');
  if (lines.length === 0 || lines.length > MAX_SIGNATURES) throw malformed(`${lines.length} signatures`);
  const note = { text: whole.slice(0, split + 1), signatures: lines.map(parseSignature) };
  if (formatNote(note) !== whole) throw malformed('it is not in canonical form');
  return note;
}

function parseSignature(line: string): NoteSignature {
  const parts = /^— (\S+) ([A-Za-z0-9+/]+={0,2})$/u.exec(line);
  const data = Buffer.from(parts?.[2] ?? '', 'base64');
  if (!parts || !validKeyName(parts[1]!) || data.length < 5) throw malformed('a line that is no signature');
  return { name: parts[1]!, keyId: data.readUInt32BE(0), signature: data.subarray(4) };
}

/** `text` ends in LF. */
export function signNote(text: string, ...signers: SignerKey[]): Note {
  const message = Buffer.from(text, 'utf8');
  return {
    text,
    signatures: signers.map(({ name, keyId, seed }) => ({ name, keyId, signature: sign(seed, message) })),
  };
}

/** Has the note a signature of this key, and is every signature under its name and id a good one? */
export function noteSignedBy(note: Note, key: VerifierKey): boolean {
  const own = note.signatures.filter(s => s.name === key.name && s.keyId === key.keyId);
  const message = Buffer.from(note.text, 'utf8');
  return own.length > 0 && own.every(s => verify(key.publicKey, message, s.signature));
}

function malformed(what: string): AuditError {
  return new AuditError('NOTE_MALFORMED', `malformed note: ${what}`);
}
