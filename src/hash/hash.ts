import { hash } from 'node:crypto';
import { AuditError } from '../errors.ts';
import { createMac } from '../keys/hash.ts';
import { canonicalAddress } from '../record/address.ts';
import { hashedIdentity } from '../normalize/identity.ts';
import { hashContent, lastUser, type Message, promptMessages } from '../normalize/content.ts';
import { JsonError, type JsonValue, parseJson } from '../record/json.ts';
import { type RecordKey, readRecordKeys } from '../store/keys.ts';
import type { Store } from '../store/store.ts';

/** A hash to look for, and the column that would hold it. */
export interface PromptHash {
  readonly column: 'prompt_hash' | 'last_user_hash' | 'user_id' | 'client_ip' | 'api_key_id';
  readonly hash: string;
  readonly chars: number;
  /** Id of the record key; empty where none is needed. */
  readonly key: string;
}

/** An identity as --hash-identities keeps it. Throws NO_ADDRESS, KEY_MISSING. */
export function identityHashes(store: Store, column: 'user_id' | 'client_ip', value: string): PromptHash[] {
  const address = column === 'client_ip' ? canonicalAddress(value) : value;
  if (address === undefined)
    throw new AuditError('NO_ADDRESS', `"${value.slice(0, 60)}" is no IP address`, {
      hint: 'give one address, such as 192.0.2.7; a hash says nothing of its neighbours',
    });
  return readRecordKeys(store.keys).map(({ id, key }) => ({
    column,
    hash: hashedIdentity(createMac(key), column, address),
    chars: address.length,
    key: id,
  }));
}

/**
 * What a key itself stands as in `api_key_id`: hashed under the record keys, as its SHA-256, which is how LiteLLM writes keys, and that
 * hashed in turn. A host without record keys can look for its SHA-256 alone.
 */
export function apiKeyHashes(keys: readonly RecordKey[], value: string): PromptHash[] {
  const sha256 = hash('sha256', value);
  const made = (text: string, of: string): PromptHash => ({
    column: 'api_key_id',
    hash: text,
    chars: value.length,
    key: of,
  });
  const under = ({ id, key }: RecordKey, text: string): PromptHash =>
    made(hashedIdentity(createMac(key), 'api_key', text), id);
  return [...keys.map(key => under(key, value)), made(sha256, ''), ...keys.map(key => under(key, sha256))];
}

/** The prompt that a file holds: messages, or those of a request, if it is JSON; else its text. */
export function promptOf(bytes: Buffer): JsonValue {
  const text = bytes.toString('utf8').replace(/^\ufeff/, '');
  try {
    const value = parseJson(text);
    if (Array.isArray(value)) return value;
    const messages =
      value instanceof Map ? (value.get('messages') ?? value.get('prompt') ?? value.get('input')) : undefined;
    if (messages !== undefined) return messages;
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
  }
  return text;
}

/**
 * The hashes under which a prompt stands in the records (SPEC 7): of messages, the whole prompt and its last user message; of a text,
 * itself alone and as the last user message of any history. A text file's last line feed is no part of what was typed:
 * both readings are given. Throws EMPTY_PROMPT, KEY_MISSING.
 */
export function promptHashes(store: Store, prompt: JsonValue): PromptHash[] {
  const found = readRecordKeys(store.keys).flatMap(key => hashesUnder(key, prompt));
  if (found.length > 0) return found;
  throw new AuditError('EMPTY_PROMPT', 'there is nothing in it to be hashed', {
    hint: 'give a text, or messages as JSON: [{"role":"user","content":"..."}]',
  });
}

function hashesUnder({ id, key }: RecordKey, prompt: JsonValue): PromptHash[] {
  const mac = createMac(key);
  const found: PromptHash[] = [];
  const add = (column: PromptHash['column'], messages: readonly Message[]): void => {
    const made = hashContent(mac, column === 'prompt_hash' ? 'prompt' : 'last_user', messages);
    if (made && !found.some(f => f.hash === made.hash)) found.push({ column, ...made, key: id });
  };
  for (const reading of readingsOf(prompt)) {
    const messages = promptMessages(reading);
    if (!messages) continue;
    add('prompt_hash', messages);
    const last = lastUser(messages);
    if (last) add('last_user_hash', [last]);
  }
  return found;
}

function readingsOf(prompt: JsonValue): JsonValue[] {
  if (typeof prompt !== 'string') return [prompt];
  const cut = prompt.replace(/\r?\n$/, '');
  return cut === prompt ? [prompt] : [cut, prompt];
}
