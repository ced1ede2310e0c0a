import { AuditError } from '../errors.ts';
import type { Entry } from './entry.ts';
import { type EntryLine, malformed } from './line.ts';

/** An entry's own lines, taken in SPEC's order. Throws ENTRY_MALFORMED, WRITTEN_BY_NEWER for a line of an unknown key. */
export class LineReader {
  readonly #left: EntryLine[];
  readonly #known: ReadonlySet<string>;

  /** `known`: every key that the kind has in this version. */
  constructor(entry: Entry, kind: string, known: readonly string[]) {
    if (entry.kind !== kind) throw malformed(`not a ${kind}`);
    if (entry.version !== 1) throw newer(`${kind} version ${entry.version}`);
    this.#left = [...entry.lines];
    this.#known = new Set(known);
  }

  /** The values of the next line, if it has that key. `least`: how many there are at least, where it isn't fixed. */
  optional(key: string, count: number, least: number = count): readonly string[] | undefined {
    if (this.#left[0]?.key !== key) return undefined;
    const { values } = this.#left.shift()!;
    if (values.length < least || (least === count && values.length !== count))
      throw malformed(`the ${key} line has ${values.length} values, not ${count}`);
    return values;
  }

  need(key: string, count: number, least: number = count): readonly string[] {
    const values = this.optional(key, count, least);
    if (values) return values;
    this.#newer();
    throw malformed(`no ${key} line where one belongs`);
  }

  *many(key: string, count: number, least: number = count): Generator<readonly string[]> {
    for (let l = this.optional(key, count, least); l; l = this.optional(key, count, least)) yield l;
  }

  end(): void {
    this.#newer();
    if (this.#left[0]) throw malformed(`a ${this.#left[0].key} line where none belongs`);
  }

  #newer(): void {
    const [line] = this.#left;
    if (line && !this.#known.has(line.key)) throw newer(`line "${line.key}"`);
  }
}

export function matched(text: string, form: RegExp, what: string): string {
  if (!form.test(text)) throw malformed(`${what} is not of its form`);
  return text;
}

/** Not tampering, and never skipped: the answer can't be better than "could not check". */
export function newer(what: string): AuditError {
  return new AuditError('WRITTEN_BY_NEWER', `written by a newer slmaudit: ${what}`, {
    hint: 'update slmaudit, then try again',
  });
}
