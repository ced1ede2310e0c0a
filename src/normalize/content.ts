import { type Mac, sha256 } from '../keys/hash.ts';
import {
  formatCanonicalJson,
  formatString,
  type JsonObject,
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
export interface Message {
  readonly role: string;
  /** The message in canonical JSON. */
  readonly json: string;
  /** Code points of its text. */
  readonly chars: number;
}

export interface ContentHash {
  readonly hash: string;
  readonly chars: number;
}

export type ContentKind = 'prompt' | 'completion' | 'last_user';

const LABELS: Readonly<Record<ContentKind, Buffer>> = {
  prompt: Buffer.from('slmaudit/prompt/c1\0'),
  completion: Buffer.from('slmaudit/completion/c1\0'),
  last_user: Buffer.from('slmaudit/last_user/c1\0'),
};

/** What messages come to, before it is hashed as one kind or another. */
export interface Content {
  readonly json: string;
  readonly chars: number;
}

/** Undefined for a text that the source has cut: its hash would be that of something nobody said. */
export function contentOf(messages: readonly Message[]): Content | undefined {
  const json = messages.length === 1 ? `[${messages[0]!.json}]` : `[${messages.map(m => m.json).join(',')}]`;
  if (json.includes('litellm_truncated')) return undefined;
  let chars = 0;
  for (const m of messages) chars += m.chars;
  return { json, chars };
}

export const contentHash = (mac: Mac, kind: ContentKind, { json }: Content): string =>
  mac(LABELS[kind], json);

/** The same of a content's JSON in bytes. */
export const bytesHash = (mac: Mac, kind: ContentKind, ...json: readonly Uint8Array[]): string =>
  mac(LABELS[kind], ...json);

/** Of messages that are hashed as one kind alone. */
export function hashContent(
  mac: Mac,
  kind: ContentKind,
  messages: readonly Message[],
): ContentHash | undefined {
  const content = contentOf(messages);
  return content && { hash: contentHash(mac, kind, content), chars: content.chars };
}

/** A request's messages: a list of them, a string, a list of strings or parts. Undefined where there is nothing. */
export function promptMessages(value: JsonValue): Message[] | undefined {
  if (typeof value === 'string') return value === '' ? undefined : [message('user', parts(value))];
  if (!Array.isArray(value) || value.length === 0) return undefined;
  const messages: Message[] = [];
  for (const item of value) {
    if (!(item instanceof Map) || !(item.has('role') || item.has('content')))
      return [message('user', value.flatMap(parts))];
    messages.push(fromMessage(item, 'user'));
  }
  return messages;
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
  return nonEmpty(value.flatMap(choice => (choice instanceof Map ? fromChoice(choice) : [])));
}

function fromChoice(choice: JsonObject): Message[] {
  const inner = choice.get('message') ?? choice.get('delta');
  if (inner instanceof Map) return [fromMessage(inner, 'assistant')];
  const text = choice.get('text');
  if (typeof text === 'string') return [message('assistant', parts(text))];
  return choice.has('content') || choice.has('type') ? [fromMessage(choice, 'assistant')] : [];
}

export function lastUser(messages: readonly Message[]): Message | undefined {
  return messages.findLast(m => m.role === 'user');
}

const EMPTY = '{"parts":[],';

function nonEmpty(messages: Message[]): Message[] | undefined {
  return messages.some(m => !m.json.startsWith(EMPTY)) ? messages : undefined;
}

/** A part of a message in canonical JSON. */
interface Part {
  readonly json: string;
  readonly chars: number;
}

function fromMessage(source: JsonObject, role: string): Message {
  const stated = source.get('role');
  const all = parts(source.get('content') ?? null);
  const calls = source.get('tool_calls');
  if (Array.isArray(calls))
    for (const call of calls) all.push(toolCall(call instanceof Map ? call.get('function') : undefined));
  const call = source.get('function_call');
  if (call instanceof Map) all.push(toolCall(call));
  if (source.get('type') === 'function_call') all.push(toolCall(source));
  return message(typeof stated === 'string' ? stated : role, all);
}

function message(role: string, all: readonly Part[]): Message {
  let json = '';
  let chars = 0;
  for (const part of all) {
    json += json === '' ? part.json : `,${part.json}`;
    chars += part.chars;
  }
  return { role, json: `{"parts":[${json}],"role":${formatString(role)}}`, chars };
}

function parts(content: JsonValue): Part[] {
  if (content === null || content === '') return [];
  if (typeof content === 'string') return [textPart(content)];
  if (Array.isArray(content)) return content.flatMap(parts);
  if (!(content instanceof Map))
    return [{ json: `{"type":"value","value":${formatCanonicalJson(content)}}`, chars: 0 }];
  const text = content.get('text');
  if (typeof text === 'string') return [textPart(text)];
  const binary = binaryOf(content);
  if (binary) return [binary];
  const kept = [...content].filter(([name]) => !['id', 'name', 'cache_control', 'index'].includes(name));
  return [{ json: formatCanonicalJson(new Map(kept)), chars: 0 }];
}

function textPart(text: string): Part {
  return { json: `{"text":${formatString(text)},"type":"text"}`, chars: codePoints(text) };
}

function binaryOf(content: JsonObject): Part | undefined {
  const stated = content.get('type');
  const type = typeof stated === 'string' ? stated : 'binary';
  for (const name of ['image_url', 'input_audio', 'source', 'file']) {
    const inner = content.get(name);
    const data = inner instanceof Map ? (inner.get('data') ?? inner.get('url')) : inner;
    if (typeof data !== 'string') continue;
    const base64 = inner instanceof Map && inner.has('data') ? data : undefined;
    const inline = /^data:[^,]*;base64,(.*)$/s.exec(data)?.[1] ?? base64;
    const bytes = inline === undefined ? Buffer.from(data, 'utf8') : Buffer.from(inline, 'base64');
    return { json: `{"sha256":"${sha256(bytes).toString('hex')}","type":${formatString(type)}}`, chars: 0 };
  }
  return undefined;
}

function toolCall(call: JsonValue | undefined): Part {
  if (!(call instanceof Map)) return { json: '{"type":"tool_call"}', chars: 0 };
  const name = call.get('name');
  const given = formatString(argumentsText(call.get('arguments') ?? null));
  return {
    json: `{"arguments":${given},"name":${formatString(typeof name === 'string' ? name : '')},"type":"tool_call"}`,
    chars: 0,
  };
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

function codePoints(text: string): number {
  let count = text.length;
  if (!/[\udc00-\udfff]/.test(text)) return count;
  for (let i = 0; i < text.length; i++) if ((text.charCodeAt(i) & 0xfc00) === 0xdc00) count--;
  return count;
}
