import { type Mac, sha256 } from '../keys/hash.ts';
import {
  formatCanonicalJson,
  type JsonObject,
  JsonNumber,
  type JsonValue,
  parseJson,
} from '../record/json.ts';

/**
 * Prompts and completions as hashes (SPEC 7, canonicalization c1). Messages become
 *
 *     [{"parts":[{"text":"Hello","type":"text"}],"role":"user"}, ...]
 *
 * in RFC 8785 bytes; binary parts become the SHA-256 of their bytes; ids, names and cache hints go; nothing is
 * trimmed, folded or normalized. The hash is HMAC-SHA-256 under the record key with a label of its own.
 */
export interface ContentHash {
  readonly hash: string;
  /** Code points of all text. */
  readonly chars: number;
}

export type ContentKind = 'prompt' | 'completion' | 'last_user';

const LABELS: Readonly<Record<ContentKind, Buffer>> = {
  prompt: Buffer.from('slmaudit/prompt/c1\0'),
  completion: Buffer.from('slmaudit/completion/c1\0'),
  last_user: Buffer.from('slmaudit/last_user/c1\0'),
};

type Message = JsonObject;

export function hashContent(mac: Mac, kind: ContentKind, messages: readonly Message[]): ContentHash {
  const bytes = Buffer.from(formatCanonicalJson([...messages]), 'utf8');
  return { hash: mac(LABELS[kind], bytes), chars: charsOf(messages) };
}

/** A request's messages: a list of them, a string, a list of strings or parts. Undefined where there is nothing. */
export function promptMessages(value: JsonValue): Message[] | undefined {
  if (typeof value === 'string') return value === '' ? undefined : [message('user', parts(value))];
  if (!Array.isArray(value) || value.length === 0) return undefined;
  if (value.every(v => v instanceof Map && (v.has('role') || v.has('content')))) {
    return value.map(v => fromMessage(v as JsonObject, 'user'));
  }
  return [message('user', value.flatMap(parts))];
}

/** An answer: choices of a response body, a list of messages, one message, or text. */
export function completionMessages(value: JsonValue): Message[] | undefined {
  if (typeof value === 'string') return value === '' ? undefined : [message('assistant', parts(value))];
  if (value instanceof Map) {
    const choices = value.get('choices') ?? value.get('output');
    if (Array.isArray(choices)) return completionMessages(choices);
    return value.has('role') || value.has('content')
      ? nonEmpty([fromMessage(value, 'assistant')])
      : undefined;
  }
  if (!Array.isArray(value)) return undefined;
  const messages = value.flatMap(choice => {
    if (!(choice instanceof Map)) return [];
    const inner = choice.get('message') ?? choice.get('delta');
    if (inner instanceof Map) return [fromMessage(inner, 'assistant')];
    const text = choice.get('text');
    if (typeof text === 'string') return [message('assistant', parts(text))];
    return choice.has('content') || choice.has('type') ? [fromMessage(choice, 'assistant')] : [];
  });
  return nonEmpty(messages);
}

export function lastUser(messages: readonly Message[]): Message[] | undefined {
  const last = messages.findLast(m => m.get('role') === 'user');
  return last && [last];
}

function nonEmpty(messages: Message[]): Message[] | undefined {
  return messages.some(m => (m.get('parts') as JsonValue[]).length > 0) ? messages : undefined;
}

function fromMessage(source: JsonObject, role: string): Message {
  const stated = source.get('role');
  const all = parts(source.get('content') ?? null);
  const calls = source.get('tool_calls');
  if (Array.isArray(calls)) all.push(...calls.map(toolCall));
  const call = source.get('function_call');
  if (call instanceof Map) all.push(toolCall(new Map([['function', call]])));
  if (source.get('type') === 'function_call') all.push(toolCall(new Map([['function', source]])));
  return message(typeof stated === 'string' ? stated : role, all);
}

function message(role: string, all: JsonValue[]): Message {
  return new Map<string, JsonValue>([
    ['role', role],
    ['parts', all],
  ]);
}

function parts(content: JsonValue): JsonValue[] {
  if (content === null || content === '') return [];
  if (typeof content === 'string') return [part('text', ['text', content])];
  if (Array.isArray(content)) return content.flatMap(parts);
  if (!(content instanceof Map)) return [part('value', ['value', content])];
  const text = content.get('text');
  if (typeof text === 'string') return [part('text', ['text', text])];
  const binary = binaryOf(content);
  if (binary) return [binary];
  const kept = [...content].filter(([name]) => !['id', 'name', 'cache_control', 'index'].includes(name));
  return [new Map(kept)];
}

function part(type: string, ...members: [string, JsonValue][]): JsonObject {
  return new Map<string, JsonValue>([['type', type], ...members]);
}

function binaryOf(content: JsonObject): JsonObject | undefined {
  const stated = content.get('type');
  const type = typeof stated === 'string' ? stated : 'binary';
  for (const name of ['image_url', 'input_audio', 'source', 'file']) {
    const inner = content.get(name);
    const data = inner instanceof Map ? (inner.get('data') ?? inner.get('url')) : inner;
    if (typeof data !== 'string') continue;
    const inline =
      /^data:[^,]*;base64,(.*)$/s.exec(data)?.[1] ??
      (inner instanceof Map && inner.has('data') ? data : undefined);
    const bytes = inline === undefined ? Buffer.from(data, 'utf8') : Buffer.from(inline, 'base64');
    return part(type, ['sha256', sha256(bytes).toString('hex')]);
  }
  return undefined;
}

function toolCall(call: JsonValue): JsonValue {
  const fn = call instanceof Map ? call.get('function') : undefined;
  if (!(fn instanceof Map)) return part('tool_call');
  return part(
    'tool_call',
    ['name', fn.get('name') ?? ''],
    ['arguments', argumentsText(fn.get('arguments') ?? null)],
  );
}

/** Arguments come as JSON text or as an object; both become the same RFC 8785 text. */
function argumentsText(value: JsonValue): string {
  if (typeof value !== 'string') return formatCanonicalJson(value);
  try {
    return formatCanonicalJson(parseJson(value));
  } catch {
    return value;
  }
}

function charsOf(value: JsonValue | readonly JsonValue[]): number {
  if (value === null || typeof value !== 'object' || value instanceof JsonNumber) return 0;
  if (value instanceof Map) {
    const text = value.get('text');
    if (typeof text === 'string') return codePoints(text);
  }
  let sum = 0;
  for (const inner of value.values()) sum += charsOf(inner);
  return sum;
}

function codePoints(text: string): number {
  let count = text.length;
  for (let i = 0; i < text.length; i++) if ((text.charCodeAt(i) & 0xfc00) === 0xdc00) count--;
  return count;
}
