import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, type Pair, parseDocument } from 'yaml';
import { AuditError } from '../errors.ts';
import { nearest } from './nearest.ts';

export type Scalar = string | number | boolean;
export type Members = ReadonlyMap<string, Node>;

/** What people describe in YAML, and what is said where it can't be read. */
export interface Description {
  /** Begins the codes of errors: `MAP` has MAP_INVALID. */
  readonly code: string;
  /** For messages: `a description of a format`. */
  readonly what: string;
  readonly hint: string;
}

/** A YAML file being read: every complaint has its line, every misspelled key the nearest that there is. */
export class YamlReader {
  readonly contents: unknown;
  readonly #path: string;
  readonly #about: Description;
  readonly #lines = new LineCounter();

  /** `path` is for messages. Throws <code>_INVALID, as every method does. */
  constructor(text: string, path: string, about: Description) {
    this.#path = path;
    this.#about = about;
    const document = parseDocument(text, {
      lineCounter: this.#lines,
      schema: 'core',
      merge: false,
      uniqueKeys: true,
    });
    const [error] = document.errors;
    if (error) this.#failAt(error.pos[0], error.message.split('\n')[0]!.replace(/ at line.*/, ''));
    this.contents = document.contents;
  }

  members(node: unknown, known?: readonly string[]): Members {
    if (!isMap(node)) return this.fail(node, `members belong here${known ? `: ${known.join(', ')}` : ''}`);
    return new Map(
      (node.items as Pair<Node, Node | null>[]).map(({ key, value }) => {
        const name = isScalar(key) ? String(key.value) : '';
        if (known && !known.includes(name))
          this.fail(key, `${name || 'this'} is none of ${known.join(', ')}${meant(name, known)}`);
        return [name, value ?? this.fail(key, `${name} has no value`)];
      }),
    );
  }

  need(members: Members, name: string, node: unknown): Node {
    return members.get(name) ?? this.fail(node, `${name} is missing`);
  }

  scalar(node: Node): Scalar {
    const value = isScalar(node) ? node.value : undefined;
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
    return this.fail(node, 'a text, a number, true or false belongs here');
  }

  text(node: Node): string {
    const value = isScalar(node) ? node.value : undefined;
    if (typeof value === 'string' && value !== '') return value;
    return this.fail(
      node,
      isAlias(node) ? 'a text that begins with * stands in quotes' : 'a text belongs here',
    );
  }

  /** Each member of a list, or what stands alone. */
  listed(node: Node): readonly Node[] {
    const all = isSeq(node) ? (node.items as (Node | null)[]) : [node];
    return all.map(n => n ?? this.fail(node, 'a list has an empty member'));
  }

  texts(node: Node): string[] {
    return this.listed(node).map(n => this.text(n));
  }

  fail(node: unknown, what: string): never {
    return this.#failAt((node as Node | null | undefined)?.range?.[0] ?? 0, what);
  }

  #failAt(offset: number, what: string): never {
    const { code, hint } = this.#about;
    const { line } = this.#lines.linePos(offset);
    throw new AuditError(`${code}_INVALID`, `${this.#path}:${line}: ${what}`, { hint });
  }
}

/** `; did you mean a or b?`, or nothing. */
export function meant(name: string, known: readonly string[]): string {
  const near = nearest(name, known);
  return near.length > 0 ? `; did you mean ${near.join(' or ')}?` : '';
}
