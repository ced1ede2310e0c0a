/**
 * The condition of a rule as a tree: names of searches, `1 of x*`, `all of them`, not before and before or.
 * A number of searches other than 1 and all is refused, and so is `| count()`, which correlations have taken the place of.
 */
export type Condition =
  | { readonly is: 'search'; readonly name: string }
  | { readonly is: 'of'; readonly all: boolean; readonly names: readonly string[] }
  | { readonly is: 'not'; readonly inner: Condition }
  | { readonly is: 'and' | 'or'; readonly parts: readonly Condition[] };

/** Why it can't be read. */
export interface Unreadable {
  readonly code: string;
  readonly message: string;
  /** A name that is none of the searches. */
  readonly unknown?: string;
}

/** Parentheses within one another. */
const DEEPEST = 50;
const TOKEN = /\s*(?:(\()|(\))|([^\s()|]+)|(\|))/y;

export function parseCondition(text: string, searches: readonly string[]): Condition | Unreadable {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.trimEnd().length) {
    const found = TOKEN.exec(text);
    if (!found) break;
    tokens.push(found[0].trim());
  }
  if (tokens.includes('|'))
    return {
      code: 'OLD_AGGREGATION',
      message: 'aggregations behind | are no part of Sigma any more: write a correlation',
    };
  const parser = new Parser(tokens, searches);
  try {
    return parser.whole();
  } catch (error) {
    if (error instanceof Stop) return error.why;
    throw error;
  }
}

class Stop extends Error {
  readonly why: Unreadable;

  constructor(why: Unreadable) {
    super(why.message);
    this.why = why;
  }
}

class Parser {
  readonly #tokens: readonly string[];
  readonly #searches: readonly string[];
  #at = 0;
  #depth = 0;

  constructor(tokens: readonly string[], searches: readonly string[]) {
    this.#tokens = tokens;
    this.#searches = searches;
  }

  whole(): Condition {
    const all = this.#or();
    const left = this.#tokens[this.#at];
    return left === undefined ? all : this.#stop(`"${left}" is not expected there`);
  }

  #or(): Condition {
    return this.#chain('or', () => this.#and());
  }

  #and(): Condition {
    return this.#chain('and', () => this.#not());
  }

  #chain(word: 'and' | 'or', next: () => Condition): Condition {
    const parts = [next()];
    while (this.#takes(word)) parts.push(next());
    return parts.length === 1 ? parts[0]! : { is: word, parts };
  }

  #not(): Condition {
    let negated = false;
    while (this.#takes('not')) negated = !negated;
    const inner = this.#one();
    return negated ? { is: 'not', inner } : inner;
  }

  #one(): Condition {
    const token = this.#tokens[this.#at++];
    if (token === undefined) return this.#stop('it ends where a search is expected');
    if (token === '(') {
      if (++this.#depth > DEEPEST) this.#stop(`over ${DEEPEST} parentheses stand within one another`);
      const inner = this.#or();
      if (!this.#takes(')')) this.#stop('a parenthesis is not closed');
      this.#depth--;
      return inner;
    }
    if (this.#peek() === 'of' && !this.#searches.includes(token)) return this.#of(token.toLowerCase());
    if (!this.#searches.includes(token)) this.#unknown(token);
    return { is: 'search', name: token };
  }

  #of(quantity: string): Condition {
    this.#at++;
    const pattern = this.#tokens[this.#at++];
    if (pattern === undefined) return this.#stop(`"${quantity} of" what?`);
    if (!['1', 'any', 'all'].includes(quantity))
      return this.#stop(`"${quantity} of" is no part of Sigma: 1 and all are`, 'UNSUPPORTED_CONDITION');
    const names = this.#named(pattern);
    if (names.length === 0) this.#unknown(pattern);
    return { is: 'of', all: quantity === 'all', names };
  }

  /** `them` and patterns leave out what begins with _, as Sigma wants it, unless the pattern does too. */
  #named(pattern: string): string[] {
    if (pattern.toLowerCase() === 'them') return this.#searches.filter(s => !s.startsWith('_'));
    const parts = pattern.split(/\*+/).map(p => p.replaceAll(/[^A-Za-z0-9_]/g, c => `\\${c}`));
    const matched = new RegExp(`^${parts.join('.*')}$`);
    return this.#searches.filter(s => matched.test(s) && (pattern.startsWith('_') || !s.startsWith('_')));
  }

  #peek(): string | undefined {
    return this.#tokens[this.#at]?.toLowerCase();
  }

  #takes(word: string): boolean {
    if (this.#peek() !== word) return false;
    this.#at++;
    return true;
  }

  #unknown(name: string): never {
    throw new Stop({ code: 'UNKNOWN_SEARCH', message: `no search is called ${name}`, unknown: name });
  }

  #stop(message: string, code = 'CONDITION'): never {
    throw new Stop({ code, message: `the condition can't be read: ${message}` });
  }
}
