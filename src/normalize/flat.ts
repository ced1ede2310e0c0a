import { isUtf8 } from 'node:buffer';
import { RULED, type RuledColumn } from '../log/policy.ts';
import { Assembled, bytesOf, placeOf } from '../record/assembled.ts';
import { microsOf, PLAIN_LENGTH, plainMicros, readTime } from '../record/time.ts';
import { Derived } from './derived.ts';
import { ordinaryPrivacy } from './extra.ts';
import { isEachAnother, type Member, membersOf } from './members.ts';
import type { NormalizerOptions } from './normalize.ts';
import { ASSISTANT, Said } from './said.ts';

/** What a class is told from. */
export type Ruled = { readonly [C in RuledColumn]?: string | undefined };

type EventId = (offset: number, k: number, raw: Buffer) => string;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const COMMA = 0x2c;
const SPACE = 0x20;
const OPEN = 0x7b;
const CLOSE = 0x7d;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const ZERO = 0x30;
const NULL = bytesOf('null');
const TRUE = bytesOf('true');
const FALSE = bytesOf('false');
const ROLE = bytesOf('"role":');
const CONTENT = bytesOf('"content":');
const TS = placeOf('ts');
const EVENT_TYPE = placeOf('event_type');
const MOST_DIGITS = 15;
/** What a byte of a text is, beside a hex digit of lower case or a hyphen. */
const OTHER = 1;
const WIDE = 2;
const BEYOND = Uint8Array.from({ length: 256 }, (_, b) =>
  b > 0x7f ? WIDE | OTHER : /[0-9a-f-]/.test(String.fromCharCode(b)) ? 0 : OTHER,
);
const MOST_HEX = 64;
/** Buffers that are kept grow with the longest line. */
const LONGEST = 1 << 20;

/**
 * Native lines that are flat, as most are: each value a text without escapes, a plain count or a boolean, beside
 * messages of one text each. Their canonical line is made of their own bytes, in less than half the time that it
 * takes by way of objects. No rule is told here again: what a column keeps of a text is asked of Draft, and at the
 * first thing out of the ordinary the line goes the long way (test/normalize/flat.test.ts: both say the same).
 */
export class FlatReader {
  /** What the canonical line of the line that was read is put together from. */
  readonly line: Assembled = new Assembled();
  /** Its `ts` in microseconds since 1970. */
  micros = 0;
  readonly #options: NormalizerOptions;
  readonly #eventId: EventId;
  readonly #members: ReadonlyMap<string, Member>;
  readonly #derived: Derived;
  readonly #said = new Said();
  readonly #sparesHex: boolean;
  #first: Member | undefined;
  #raw: Buffer = Buffer.alloc(0);
  #at = 0;
  /** Some byte of a column's text is not ASCII's. */
  #isWide = false;
  #promptChars = 0;
  #completionChars = 0;
  /** What columns keep of this line's texts, by place. */
  readonly #texts: string[] = [];

  constructor(options: NormalizerOptions, eventId: EventId) {
    this.#options = options;
    this.#eventId = eventId;
    this.#members = membersOf(options);
    this.#derived = new Derived(options);
    this.#sparesHex = (options.privacy ?? ordinaryPrivacy).scanner.sparesHex;
    this.#texts[placeOf('source_id')] = options.sourceId;
    this.#texts[placeOf('source_format')] = 'native';
  }

  get ruled(): Ruled {
    const ruled: Record<string, string> = {};
    for (const column of RULED) {
      const place = placeOf(column);
      if (this.line.has(place)) ruled[column] = this.#texts[place]!;
    }
    return ruled;
  }

  /** `raw` without its line feed. False for a line that goes the long way. */
  read(raw: Buffer, offset: number): boolean {
    const { line } = this;
    line.begin();
    this.#said.isWide = false;
    this.#isWide = false;
    this.#promptChars = 0;
    this.#completionChars = 0;
    this.#texts[EVENT_TYPE] = 'inference';
    if (raw[0] !== OPEN || raw.length > LONGEST) return false;
    this.#at = 1;
    for (let before: Member | undefined; ;) {
      const member = this.#member(raw, before);
      if (!member || line.isStated(member.place)) return false;
      this.#spaces(raw);
      if (!this.#value(raw, member)) return false;
      before = member;
      const c = this.#spaces(raw);
      this.#at++;
      if (c === CLOSE) break;
      if (c !== COMMA) return false;
      this.#spaces(raw);
    }
    if (this.#at !== raw.length || !line.has(TS)) return false;
    if ((this.#isWide || this.#said.isWide) && !isUtf8(raw)) return false;
    if (this.#promptChars > 0) this.#derived.chars(line, 'prompt', this.#promptChars);
    if (this.#completionChars > 0) this.#derived.chars(line, 'completion', this.#completionChars);
    this.#derived.rest(line, this.#eventId(offset, 0, raw));
    this.#raw = raw;
    return true;
  }

  /** Bytes that the canonical line has at most. */
  get most(): number {
    return this.line.most(this.#raw);
  }

  /** Writes the canonical line of the line that was read to `into` at `at`; returns its end. */
  readonly write = (into: Buffer, at: number): number => this.line.write(this.#raw, into, at);

  /** The member whose name and colon stand here; lines of one writer have theirs in one order. */
  #member(raw: Buffer, before: Member | undefined): Member | undefined {
    const likely = before ? before.next : this.#first;
    if (likely && isAt(raw, this.#at, likely.label)) {
      this.#at += likely.label.length;
      return likely;
    }
    if (raw[this.#at] !== QUOTE) return undefined;
    const end = raw.indexOf(QUOTE, this.#at + 1);
    const member = end < 0 ? undefined : this.#members.get(raw.toString('latin1', this.#at + 1, end));
    if (!member || raw[end + 1] !== COLON) return undefined;
    if (before) before.next = member;
    else this.#first = member;
    this.#at = end + 2;
    return member;
  }

  #value(raw: Buffer, member: Member): boolean {
    if (isAt(raw, this.#at, NULL) && member.kind !== 'time' && member.kind !== 'prompt') {
      this.#at += NULL.length;
      this.line.empty(member.place);
      return true;
    }
    switch (member.kind) {
      case 'text':
        return this.#text(raw, member);
      case 'count':
        return this.#count(raw, member);
      case 'flag':
        return this.#word(raw, member.place, TRUE) || this.#word(raw, member.place, FALSE);
      case 'time':
        return this.#time(raw);
      case 'prompt':
        return this.#prompt(raw);
      case 'completion':
        return this.#completion(raw);
    }
  }

  #text(raw: Buffer, { place, column, kept }: Member): boolean {
    if (raw[this.#at] !== QUOTE) return false;
    const from = this.#at + 1;
    const again = kept.again(raw, from);
    if (again) {
      this.#at = from + again.text.length + 1;
      if (again.isWide) this.#isWide = true;
      this.#texts[place] = again.value;
      this.line.piece(place, again.piece);
      return true;
    }
    let hash = 0;
    let seen = 0;
    let at = from;
    for (; at < raw.length; at++) {
      const b = raw[at]!;
      if (b === QUOTE) break;
      if (b < SPACE || b === BACKSLASH) return false;
      seen |= BEYOND[b]!;
      hash = Math.imul(hash ^ b, 0x0100_0193);
    }
    if (at >= raw.length) return false;
    this.#at = at + 1;
    if ((seen & WIDE) !== 0) this.#isWide = true;
    if (at === from) this.line.empty(place);
    else if (isEachAnother(column)) {
      const isSpared = this.#sparesHex && seen === 0 && at - from <= MOST_HEX;
      if (!isSpared) {
        const text = raw.toString('utf8', from, at);
        if (kept.value(text) !== text) return false;
      }
      this.line.slice(place, from - 1, at + 1);
    } else {
      const found = kept.of(raw, from, at, hash);
      if (!found) return false;
      this.#texts[place] = found.value;
      this.line.piece(place, found.piece);
    }
    return true;
  }

  #count(raw: Buffer, { place, least, most }: Member): boolean {
    const from = this.#at;
    let at = from;
    let n = 0;
    for (let c = raw[at]!; c >= ZERO && c <= 0x39 && at < raw.length; c = raw[++at]!) n = n * 10 + c - ZERO;
    const digits = at - from;
    if (digits === 0 || digits > MOST_DIGITS || (digits > 1 && raw[from] === ZERO)) return false;
    if (n < least || n > most) return false;
    this.#at = at;
    this.line.slice(place, from, at);
    return true;
  }

  #word(raw: Buffer, place: number, word: Uint8Array): boolean {
    if (!isAt(raw, this.#at, word)) return false;
    this.line.slice(place, this.#at, this.#at + word.length);
    this.#at += word.length;
    return true;
  }

  #time(raw: Buffer): boolean {
    if (raw[this.#at] !== QUOTE) return false;
    const from = this.#at + 1;
    const micros = raw[from + PLAIN_LENGTH] === QUOTE ? plainMicros(raw, from) : NaN;
    if (!Number.isNaN(micros)) {
      this.#at = from + PLAIN_LENGTH + 1;
      this.micros = micros;
      this.#derived.plainTime(this.line, from - 1, this.#at);
      return true;
    }
    let end = from;
    for (let c = raw[end]!; c !== QUOTE; c = raw[++end]!)
      if (!(c >= SPACE && c < 0x7f) || c === BACKSLASH) return false;
    const read = readTime(raw.toString('latin1', this.#at + 1, end), this.#options.times);
    if (!read || read.raw !== undefined) return false;
    this.#at = end + 1;
    this.micros = microsOf(read.ts);
    this.#derived.time(this.line, read);
    return !Number.isNaN(this.micros);
  }

  /** `[{"role":"user","content":"..."}, ...]` */
  #prompt(raw: Buffer): boolean {
    if (raw[this.#at] !== OPEN_LIST) return false;
    const said = this.#said;
    said.begin(raw.length);
    do {
      this.#at++;
      if (this.#spaces(raw) !== OPEN) return false;
      this.#at++;
      this.#spaces(raw);
      if (!isAt(raw, this.#at, ROLE)) return false;
      this.#at += ROLE.length;
      if (this.#spaces(raw) !== QUOTE) return false;
      const role = ++this.#at;
      for (let c = raw[role]!; c !== QUOTE; c = raw[++this.#at]!) if (!(c >= 0x61 && c <= 0x7a)) return false;
      const roleEnd = this.#at++;
      if (this.#spaces(raw) !== COMMA) return false;
      this.#at++;
      this.#spaces(raw);
      if (!isAt(raw, this.#at, CONTENT)) return false;
      this.#at += CONTENT.length;
      if (this.#spaces(raw) !== QUOTE) return false;
      const end = said.add(raw, this.#at + 1, raw, role, roleEnd);
      if (end < 0) return false;
      this.#at = end + 1;
      if (this.#spaces(raw) !== CLOSE) return false;
      this.#at++;
    } while (this.#spaces(raw) === COMMA);
    if (raw[this.#at++] !== CLOSE_LIST || !said.end()) return false;
    const { mac } = this.#options;
    this.#promptChars = said.chars;
    this.#derived.hash(this.line, 'prompt', said.hash(mac, 'prompt'));
    const last = said.lastUser(mac);
    if (last !== undefined) this.#derived.hash(this.line, 'last_user', last);
    return true;
  }

  #completion(raw: Buffer): boolean {
    if (raw[this.#at] !== QUOTE) return false;
    const said = this.#said;
    said.begin(raw.length);
    const end = said.add(raw, this.#at + 1, ASSISTANT, 0, ASSISTANT.length);
    if (end < 0 || !said.end()) return false;
    this.#at = end + 1;
    this.#completionChars = said.chars;
    this.#derived.hash(this.line, 'completion', said.hash(this.#options.mac, 'completion'));
    return true;
  }

  /** Goes to the next byte that is no space, and says which it is. */
  #spaces(raw: Buffer): number | undefined {
    while (raw[this.#at] === SPACE) this.#at++;
    return raw[this.#at];
  }
}

function isAt(raw: Buffer, at: number, bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i++) if (raw[at + i] !== bytes[i]) return false;
  return true;
}
