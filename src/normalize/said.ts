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

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const UNDERSCORE = 0x5f;
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
    const bytes = this.#bytes;
    const length = source.length;
    let at = this.#at;
    let i = from;
    let beside = 0;
    let all = 0;
    for (; i < length; i++) {
      const b = source[i]!;
      if (b === QUOTE) break;
      if (b < 0x20) return -1;
      bytes[at++] = b;
      all |= b;
      if (b === BACKSLASH) {
        const escaped = source[++i]!;
        if (i >= length || IS_ESCAPE[escaped] === 0) return -1;
        bytes[at++] = escaped;
        beside++;
      } else if ((b & 0xc0) === 0x80) beside++;
      else if (b === UNDERSCORE) this.#isMarked = true;
    }
    if (i >= length || i === from) return -1;
    this.isWide ||= all > 0x7f;
    this.chars += i - from - beside;
    this.#at = at;
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
