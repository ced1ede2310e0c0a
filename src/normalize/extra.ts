import { formatJson, JsonNumber, type JsonObject, type JsonValue } from '../record/json.ts';
import { addRemoved, type Removed, RULE_NAMES, type Scanner, scannerOf, unescaped } from './secrets.ts';

/**
 * What no column took, made fit to be kept (SPEC 7): members named like content or secrets go, at any depth; so
 * do strings that look like a credential. What went is counted in `_dropped`, secrets also by rule in `_removed`;
 * it is never shown.
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

/** Where identities are hashed, what is left must not say them: by these names, and as an address or e-mail. */
const IDENTITY_NAME =
  /user|login|e?mail|subject|principal|actor|caller|customer|consumer|employee|person|account|owner|phone|forwarded|remote|client|peer|host(?:name)?$|addr|(?:^|[^a-z])ip(?:$|[^a-z])|^(?:first|last|full|display|nick|given|family)?name$/;
const IDENTITY_TEXT =
  /[^\s@"]@[^\s@"]{1,253}\.[a-z]|\b\d{1,3}(?:\.\d{1,3}){3}\b|(?:^|[^\w:])(?:[0-9a-f]{1,4}:){2,7}(?::?[0-9a-f]{1,4}){1,6}|::[0-9a-f]{1,4}/i;

/** In a URL in a URL, too. */
const saysWho = (text: string): boolean =>
  IDENTITY_TEXT.test(text) || (text.includes('%') && IDENTITY_TEXT.test(unescaped(text)));

/** What this run's person has asked for, beside what always holds. */
export interface Privacy {
  readonly scanner: Scanner;
  /** Users and addresses stand as keyed hashes. */
  readonly hashIdentities: boolean;
}

export const ordinaryPrivacy: Privacy = { scanner: scannerOf([]), hashIdentities: false };

const plain = (name: string): string => name.toLowerCase().replaceAll(/[^a-z0-9]/g, '');

/** What may stand in the clear of one record, and the count of what mayn't. */
export class Sieve {
  /** Members that went, for whatever reason. */
  dropped = 0;
  /** Those of them in which a rule found a secret. */
  readonly removed: Removed = {};
  readonly #privacy: Privacy;

  constructor(privacy: Privacy) {
    this.#privacy = privacy;
  }

  drop(rule?: string): void {
    this.dropped++;
    if (rule) addRemoved(this.removed, { [rule]: 1 });
  }

  /** Short text of a column or of `extra`; counted if it goes. `but`: a rule that has no say. */
  keepsText(text: string, but?: string): boolean {
    const rule = this.#privacy.scanner.find(text, but);
    if (rule === undefined) return true;
    this.drop(rule);
    return false;
  }

  /** Strings of `extra` or `labels`: neither long, nor a secret, nor JSON that hides members from this search. */
  keepsString(text: string): boolean {
    if (text.length > MAX_STRING || /^\s*[[{]/.test(text)) this.drop();
    else if (this.#privacy.hashIdentities && saysWho(text)) this.drop('identity');
    else return this.keepsText(text);
    return false;
  }

  /** `above`: the names that lead to it, dotted. An adapter may have parted a dotted name at its dots. */
  keepsMember(name: string, value: JsonValue, above = ''): boolean {
    const bare = plain(name);
    // A count of tokens is no token.
    const isNumber = typeof value === 'number' || value instanceof JsonNumber;
    if (name.length > 128 || holdsContent(bare, value)) this.drop();
    else if (!isNumber && SECRET_NAME.test(bare)) this.drop('secret_name');
    else if (this.#privacy.hashIdentities && !isMeasure(value) && IDENTITY_NAME.test(name.toLowerCase()))
      this.drop('identity');
    else {
      const whole = above === '' ? name : `${above.slice(-256)}.${name}`;
      // A count by person has their names for names.
      if (!this.#privacy.hashIdentities || !saysWho(whole)) return this.keepsText(whole);
      this.drop('identity');
    }
    return false;
  }
}

/** `prompt_tokens`, `response_id`, `content_type`: what they hold is about content, if it is one word. */
const ABOUT_CONTENT =
  /(?:tokens|count|chars|length|size|id|type|status|code|flags|details|ms|us|ns|seconds)$/;
const WORD = /^[\w.:/+-]{1,64}$/;

/** Numbers and booleans are never content; an object of nothing else isn't either (token details). */
function holdsContent(bare: string, value: JsonValue): boolean {
  if (isMeasure(value) || !CONTENT_NAME.test(bare)) return false;
  return !(typeof value === 'string' && WORD.test(value) && ABOUT_CONTENT.test(bare));
}

function isMeasure(value: JsonValue): boolean {
  if (typeof value === 'string' || Array.isArray(value)) return false;
  return value instanceof Map ? [...value.values()].every(isMeasure) : true;
}

/** JSON text for the `extra` column; undefined if nothing is left to say. */
export function extraOf(left: JsonObject, sieve: Sieve): string | undefined {
  if (left.size === 0 && sieve.dropped === 0) return undefined;
  const clean = (value: JsonValue, path = ''): JsonValue | undefined => {
    if (value === null || value === '') return undefined;
    if (typeof value === 'string') return sieve.keepsString(value) ? value : undefined;
    if (Array.isArray(value)) {
      if (value.length > MAX_NUMBERS && value.every(v => typeof v === 'number')) {
        sieve.drop();
        return undefined;
      }
      const items = value.map(item => clean(item, path)).filter(v => v !== undefined);
      return items.length > 0 ? items : undefined;
    }
    if (!(value instanceof Map)) return value;
    const kept: JsonObject = new Map();
    for (const [name, member] of value) {
      if (member === null || member === '' || !sieve.keepsMember(name, member, path)) continue;
      const v = clean(member, path === '' ? name : `${path}.${name}`);
      if (v !== undefined) kept.set(name, v);
    }
    return kept.size > 0 ? kept : undefined;
  };

  takeCounts(left, sieve);
  const kept = clean(left);
  const members =
    kept instanceof Map ? [...kept].map(([name, v]) => `${JSON.stringify(name)}:${formatJson(v)}`) : [];
  const fitting = withinLimit(members);
  sieve.dropped += members.length - fitting.length;
  if (sieve.dropped > 0) fitting.push(`"_dropped":${sieve.dropped}`);
  // Members called `key` or `env` are many and seldom a secret: `_dropped` counts them.
  const { secret_name: _named, ...removed } = sieve.removed;
  if (Object.keys(removed).length > 0) fitting.push(`"_removed":${JSON.stringify(removed)}`);
  return fitting.length > 0 ? `{${fitting.join(',')}}` : undefined;
}

const RETRIED = '_retried';

/** The `extra` of a record that was read from a rejected line. */
export function withRetried(extra: string | undefined, id: string): string {
  const member = `"${RETRIED}":${JSON.stringify(id)}}`;
  return extra === undefined ? `{${member}` : `${extra.slice(0, -1)},${member}`;
}

/** An exported line brings what was counted when it was first read. */
function takeCounts(left: JsonObject, sieve: Sieve): void {
  const dropped = left.get('_dropped');
  if (isCount(dropped)) sieve.dropped += dropped;
  const removed = left.get('_removed');
  if (removed instanceof Map)
    for (const rule of RULE_NAMES) {
      const count = removed.get(rule);
      if (isCount(count)) addRemoved(sieve.removed, { [rule]: count });
    }
  left.delete('_dropped');
  left.delete('_removed');
  // Names a line of the store that it was exported from.
  left.delete(RETRIED);
}

const isCount = (n: JsonValue | undefined): n is number =>
  typeof n === 'number' && n > 0 && Number.isSafeInteger(n);

/** `{}`, `_dropped`, and `_removed` with a few rules. */
const COUNTS_BYTES = 512;

/** The members that fit, in their order, the largest left out first. */
function withinLimit(members: readonly string[]): string[] {
  const sizes = members.map(m => Buffer.byteLength(m) + 1);
  const largestFirst = sizes.map((_, i) => i).sort((a, b) => sizes[b]! - sizes[a]!);
  let size = COUNTS_BYTES + sizes.reduce((sum, n) => sum + n, 0);
  const out = new Set<number>();
  for (const i of largestFirst) {
    if (size <= MAX_EXTRA_BYTES) break;
    size -= sizes[i]!;
    out.add(i);
  }
  return members.filter((_, i) => !out.has(i));
}
