import { formatJson, JsonNumber, type JsonObject, type JsonValue } from '../record/json.ts';

/**
 * What no column took, made fit to be kept (SPEC 7): members named like content or secrets go, at any depth; so
 * do strings that look like a credential. What went is counted in `_dropped`, never shown.
 */
export const MAX_EXTRA_BYTES = 4096;

const SECRET_NAME =
  /password|passwd|passphrase|pwd|secret|authorization|cookie|apikey|privatekey|credential|masterkey|token$|^(?:pass|key|keys|env|envs|auth|jwt|bearer|tokens)$/;
const CONTENT_NAME =
  /message|prompt|input|choice|response|header|completion|content|output|instruction|document|query|argument|delta|traceback|embedding|answer|question|thinking|reasoning|transcript|result|generated|logprob|snippet|summary|text$|body$|^(?:text|system|body|data|tools|context|images?|audio|q|args|functions?)$/;

/** Longer strings are somebody's text. */
const MAX_STRING = 512;
/** Longer lists of numbers are tokens, bytes or embeddings. */
const MAX_NUMBERS = 16;

/**
 * What credentials begin with. No quantifier is open where the match could begin again inside what it has read: a
 * hostile line costs time in proportion to its length.
 */
export const SECRET_VALUE: RegExp =
  /\bsk-[A-Za-z0-9_-]{16}|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\beyJ[A-Za-z0-9_-]{16}|-----BEGIN |\bBearer\s|\bBasic\s[A-Za-z0-9+/=]{8}|:\/\/[^\s/:@]{1,256}:[^\s/@]{1,256}@|[?&](?:api[_-]?key|key|token|access_token|sig|signature)=|\bgh[pousr]_[A-Za-z0-9]{20}|\bhf_[A-Za-z0-9]{16}|\bAIza[A-Za-z0-9_-]{16}|\bxox[abpr]-/i;

const plain = (name: string): string => name.toLowerCase().replaceAll(/[^a-z0-9]/g, '');

/** May this member stand in the clear? */
export function isKeepable(name: string, value: JsonValue): boolean {
  return isKeepableName(name, value) && (typeof value !== 'string' || isKeepableText(value));
}

function isKeepableName(name: string, value: JsonValue): boolean {
  if (name.length > 128 || SECRET_VALUE.test(name)) return false;
  // A count of tokens is no token.
  const isNumber = typeof value === 'number' || value instanceof JsonNumber;
  return (isNumber || !SECRET_NAME.test(plain(name))) && !holdsContent(name, value);
}

/** Neither long, nor like a credential, nor JSON that hides members from this search. */
function isKeepableText(text: string): boolean {
  return text.length <= MAX_STRING && !/^\s*[[{]/.test(text) && !SECRET_VALUE.test(text);
}

/** `prompt_tokens`, `response_id`, `content_type`: what they hold is about content, if it is one word. */
const ABOUT_CONTENT =
  /(?:tokens|count|chars|length|size|id|type|status|code|flags|details|ms|us|ns|seconds)$/;
const WORD = /^[\w.:/+-]{1,64}$/;

/** Numbers and booleans are never content; an object of nothing else isn't either (token details). */
function holdsContent(name: string, value: JsonValue): boolean {
  if (isMeasure(value) || !CONTENT_NAME.test(plain(name))) return false;
  return !(typeof value === 'string' && WORD.test(value) && ABOUT_CONTENT.test(plain(name)));
}

function isMeasure(value: JsonValue): boolean {
  if (typeof value === 'string' || Array.isArray(value)) return false;
  return value instanceof Map ? [...value.values()].every(isMeasure) : true;
}

/** JSON text for the `extra` column; undefined if nothing is left to say. */
export function extraOf(left: JsonObject, alreadyDropped: number): string | undefined {
  let dropped = alreadyDropped;
  const clean = (value: JsonValue): JsonValue | undefined => {
    if (value === null || value === '') return undefined;
    if (typeof value === 'string') {
      if (isKeepableText(value)) return value;
      dropped++;
      return undefined;
    }
    if (Array.isArray(value)) {
      if (value.length > MAX_NUMBERS && value.every(v => typeof v === 'number')) {
        dropped++;
        return undefined;
      }
      const items = value.map(clean).filter(v => v !== undefined);
      return items.length > 0 ? items : undefined;
    }
    if (!(value instanceof Map)) return value;
    const kept: JsonObject = new Map();
    for (const [name, member] of value) {
      if (member === null || member === '') continue;
      if (!isKeepableName(name, member)) {
        dropped++;
        continue;
      }
      const v = clean(member);
      if (v !== undefined) kept.set(name, v);
    }
    return kept.size > 0 ? kept : undefined;
  };

  const before = left.get('_dropped');
  if (typeof before === 'number' && before > 0) dropped += before;
  left.delete('_dropped');
  const kept = clean(left);
  const members =
    kept instanceof Map ? [...kept].map(([name, v]) => `${JSON.stringify(name)}:${formatJson(v)}`) : [];
  const fitting = withinLimit(members);
  dropped += members.length - fitting.length;
  if (dropped > 0) fitting.push(`"_dropped":${dropped}`);
  return fitting.length > 0 ? `{${fitting.join(',')}}` : undefined;
}

/** The members that fit, in their order, the largest left out first. */
function withinLimit(members: readonly string[]): string[] {
  const sizes = members.map(m => Buffer.byteLength(m) + 1);
  const largestFirst = sizes.map((_, i) => i).sort((a, b) => sizes[b]! - sizes[a]!);
  let size = 2 + ',"_dropped":9007199254740991'.length + sizes.reduce((sum, n) => sum + n, 0);
  const out = new Set<number>();
  for (const i of largestFirst) {
    if (size <= MAX_EXTRA_BYTES) break;
    size -= sizes[i]!;
    out.add(i);
  }
  return members.filter((_, i) => !out.has(i));
}
