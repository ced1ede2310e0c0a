import { bytesOf } from '../record/assembled.ts';
import type { Mac } from '../keys/hash.ts';
import { bytesHash, type ContentKind } from './content.ts';

const TEXT = bytesOf('{"parts":[{"text":"');
const ROLE = bytesOf('","type":"text"}],"role":"');
const END = bytesOf('"}');
const OPEN = bytesOf('[');
const CLOSE = bytesOf(']');
const USER = bytesOf('user');
const CUT = Buffer.from('litellm_truncated');

// What a byte of a text is.
const PLAIN = 0;
const QUOTED = 1;
const CONTROL = 2;
const ESCAPING = 3;
/** CUT has one. */
const MARK = 4;
const WIDE = 5;
/** Of a character of UTF-8, not its first. */
const BEHIND = 6;
const KINDS = Uint8Array.from({ length: 256 }, (_, b) => {
  if (b < 0x20) return CONTROL;
  if (b > 0x7f) return b < 0xc0 ? BEHIND : WIDE;
  return b === 0x22 ? QUOTED : b === 0x5c ? ESCAPING : b === 0x5f ? MARK : PLAIN;
});
/** Below this the engine's copy takes longer than a loop. */
const SHORT = 96;
/** Escapes that RFC 8785 writes too: `\"`, `\\`, `\b`, `\f`, `\n`, `\r`, `\t`. */
const IS_ESCAPE = new Uint8Array(256);
for (const c of '"\\bfnrt') IS_ESCAPE[c.charCodeAt(0)] = 1;

/**
 * Messages of one text each, as content.ts says they are hashed, made of the bytes of their source: a JSON text
 * without other escapes than RFC 8785's own is canonical as it stands.
 */
export class Said {
  /** Code points of all texts. */
  chars = 0;
  /** Some byte is not ASCII's: whether the source is UTF-8 is still to be seen. */
  isWide = false;
  #bytes = Buffer.allocUnsafe(4096);
  #at = 0;
  #lastUser = -1;
  #lastUserEnd = 0;
  #isMarked = false;

  begin(most: number): void {
    // A message of 26 bytes becomes one of 49.
    if (this.#bytes.length < most * 3 + 64) this.#bytes = Buffer.allocUnsafe(most * 4 + 4096);
    this.chars = 0;
    this.#lastUser = -1;
    this.#isMarked = false;
    this.#at = 0;
    this.#copy(OPEN, 0, 1);
  }

  /**
   * Adds the message whose text begins at `from` behind its quote. Returns the place of the closing quote, or -1: the
   * text is empty, or not canonical.
   */
  add(source: Uint8Array, from: number, role: Uint8Array, roleFrom: number, roleTo: number): number {
    if (this.#at > 1) this.#bytes[this.#at++] = 0x2c;
    const start = this.#at;
    this.#copy(TEXT, 0, TEXT.length);
    const length = source.length;
    let i = from;
    let beside = 0;
    for (; i < length; i++) {
      const kind = KINDS[source[i]!]!;
      if (kind === PLAIN) continue;
      if (kind === QUOTED) break;
      if (kind === CONTROL) return -1;
      if (kind === ESCAPING) {
        if (++i >= length || IS_ESCAPE[source[i]!] === 0) return -1;
        beside++;
      } else if (kind === MARK) this.#isMarked = true;
      else {
        this.isWide = true;
        if (kind === BEHIND) beside++;
      }
    }
    if (i >= length || i === from) return -1;
    this.chars += i - from - beside;
    if (i - from < SHORT) this.#copy(source, from, i);
    else {
      this.#bytes.set(source.subarray(from, i), this.#at);
      this.#at += i - from;
    }
    this.#copy(ROLE, 0, ROLE.length);
    this.#copy(role, roleFrom, roleTo);
    this.#copy(END, 0, END.length);
    if (isUser(role, roleFrom, roleTo)) {
      this.#lastUser = start;
      this.#lastUserEnd = this.#at;
    }
    return i;
  }

  /** Did a source cut one of the texts? Then content.ts is to say what that means. */
  end(): boolean {
    this.#copy(CLOSE, 0, 1);
    return !this.#isMarked || !this.#bytes.subarray(0, this.#at).includes(CUT);
  }

  hash(mac: Mac, kind: ContentKind): string {
    return bytesHash(mac, kind, this.#bytes.subarray(0, this.#at));
  }

  /** Of the last message of a user; undefined if there is none. */
  lastUser(mac: Mac): string | undefined {
    if (this.#lastUser < 0) return undefined;
    return bytesHash(mac, 'last_user', OPEN, this.#bytes.subarray(this.#lastUser, this.#lastUserEnd), CLOSE);
  }

  #copy(bytes: Uint8Array, from: number, to: number): void {
    const into = this.#bytes;
    let at = this.#at;
    for (let i = from; i < to; i++) into[at++] = bytes[i]!;
    this.#at = at;
  }
}

export const ASSISTANT: Uint8Array = bytesOf('assistant');

function isUser(role: Uint8Array, from: number, to: number): boolean {
  if (to - from !== USER.length) return false;
  for (let i = 0; i < USER.length; i++) if (role[from + i] !== USER[i]) return false;
  return true;
}
