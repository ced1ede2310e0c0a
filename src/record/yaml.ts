import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseAllDocuments,
  parseDocument,
} from 'yaml';
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

/** A document of a file, where its lines are known. */
export interface Placed {
  readonly document: Pick<Document.Parsed, 'contents' | 'errors'>;
  readonly lines: LineCounter;
}

export interface Place {
  readonly line: number;
  readonly column: number;
}

const FORM = { schema: 'core', merge: false, uniqueKeys: true } as const;

/** The documents of a file, which `---` parts. */
export function documentsIn(text: string): Placed[] {
  const lines = new LineCounter();
  const all = parseAllDocuments(text, { ...FORM, lineCounter: lines });
  return (Array.isArray(all) ? all : []).map(document => ({ document, lines }));
}

function onlyDocument(text: string): Placed {
  const lines = new LineCounter();
  return { document: parseDocument(text, { ...FORM, lineCounter: lines }), lines };
}

/** A YAML file being read: every complaint has its line, every misspelled key the nearest that there is. */
export class YamlReader {
  readonly contents: unknown;
  readonly #path: string;
  readonly #about: Description;
  readonly #lines: LineCounter;

  /** `path` is for messages. Throws <code>_INVALID, as every method does. */
  constructor(text: string | Placed, path: string, about: Description) {
    const { document, lines } = typeof text === 'string' ? onlyDocument(text) : text;
    this.#path = path;
    this.#about = about;
    this.#lines = lines;
    const [error] = document.errors;
    if (error) this.failAt(error.pos[0], error.message.split('\n')[0]!.replace(/ at line.*/, ''));
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
    return this.failAt(offsetOf(node), what);
  }

  place(node: unknown): Place {
    return this.placeAt(offsetOf(node));
  }

  protected placeAt(offset: number): Place {
    const { line, col } = this.#lines.linePos(offset);
    return { line, column: col };
  }

  protected failAt(offset: number, what: string): never {
    const { code, hint } = this.#about;
    const { line } = this.placeAt(offset);
    throw new AuditError(`${code}_INVALID`, `${this.#path}:${line}: ${what}`, { hint });
  }
}

const offsetOf = (node: unknown): number => (node as Node | null | undefined)?.range?.[0] ?? 0;

/** `; did you mean a or b?`, or nothing. */
export function meant(name: string, known: readonly string[]): string {
  const near = nearest(name, known);
  return near.length > 0 ? `; did you mean ${near.join(' or ')}?` : '';
}
