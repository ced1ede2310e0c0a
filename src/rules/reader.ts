import { isAlias, isScalar, type Node, visit } from 'yaml';
import { AuditError } from '../errors.ts';
import { type Description, meant, type Placed, YamlReader } from '../record/yaml.ts';
import type { RuleProblem } from './rule.ts';

export const RULE: Description = {
  code: 'RULE',
  what: 'a Sigma rule',
  hint: '`slmaudit rules show` shows a shipped rule',
};

/** Nodes of a document; the largest rule of the public corpus has 2,900. */
const MOST_NODES = 50_000;

/** One rule can't be used; the others can. */
export class RuleError extends AuditError {
  readonly problem: RuleProblem;
  /** What else is wrong with it. */
  readonly more: readonly RuleProblem[];

  constructor(problem: RuleProblem, more: readonly RuleProblem[] = []) {
    super(problem.code, `${problem.file}:${problem.line ?? 1}: ${problem.message}`);
    this.problem = problem;
    this.more = more;
  }
}

/** Mistakes in parts of a rule that don't need one another. */
export class Mistakes {
  readonly #all: RuleProblem[] = [];

  /** What `work` makes; undefined where it makes a mistake. */
  in<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof RuleError)) throw error;
      this.#all.push(error.problem, ...error.more);
      return undefined;
    }
  }

  /** Throws what was found. */
  end(): void {
    const [first, ...more] = this.#all;
    if (first) throw new RuleError(first, more);
  }
}

/** A document of a file of rules; what is wrong in it has a code, a line and a column. */
export class RuleReader extends YamlReader {
  readonly file: string;
  /** The document as it is written. */
  readonly source: string;

  /** `text`: of the file. Throws RuleError, as every method does. */
  constructor(placed: Placed, file: string, text: string) {
    const [error] = placed.document.errors;
    if (error) {
      const { line, col: column } = placed.lines.linePos(error.pos[0]);
      const said = error.message.split('\n')[0]!.replace(/ at line.*/, '');
      // The reader of YAML goes down as deep as lists do.
      const isDeep = said.startsWith('Maximum call stack');
      const message = isDeep ? 'lists and mappings stand too deep in one another' : said;
      throw new RuleError({ file, line, column, code: 'YAML', message });
    }
    super(placed, file, RULE);
    this.file = file;
    const [from, , to] = placed.document.contents?.range ?? [0, 0, 0];
    this.source = `${text.slice(from, to).trimEnd()}\n`;
    let nodes = 0;
    visit(placed.document.contents, {
      Node: (_, node) => {
        if (++nodes > MOST_NODES) this.refuse(node, 'TOO_LARGE', `a rule has ${MOST_NODES} values at most`);
        if (isAlias(node) || node.anchor !== undefined)
          this.refuse(node, 'YAML_ALIAS', 'anchors and aliases are not read: write it out');
      },
    });
  }

  refuse(node: unknown, code: string, message: string, hint?: string): never {
    throw this.#error(this.place(node), code, message, hint);
  }

  protected override failAt(offset: number, what: string): never {
    throw this.#error(this.placeAt(offset), 'RULE_INVALID', what);
  }

  #error(
    { line, column }: { line: number; column: number },
    code: string,
    message: string,
    hint?: string,
  ): RuleError {
    return new RuleError({ file: this.file, line, column, code, message, ...(hint && { hint }) });
  }

  /** One of `words`. */
  word<W extends string>(node: Node, what: string, words: readonly W[], code = 'RULE_INVALID'): W {
    const said = this.scalar(node);
    const word = words.find(w => w === said);
    return (
      word ??
      this.refuse(node, code, `${what} is ${words.join(' or ')}, not ${said}${meant(String(said), words)}`)
    );
  }

  /** Seconds, of a text such as 10m. */
  seconds(node: Node, what: string, most: number): number {
    const said = String(this.scalar(node));
    const [, count, unit = ''] = /^(\d{1,9})([smhdw])$/.exec(said) ?? [];
    if (count === undefined)
      return this.refuse(
        node,
        'SPAN',
        `${what} is a number and s, m, h, d or w, such as 10m; not ${said}${/[My]$/.test(said) ? ': months and years have no fixed length' : ''}`,
      );
    const seconds = Number(count) * SECONDS[unit]!;
    if (seconds > most)
      this.refuse(node, 'WINDOW_TOO_LONG', `${what} is ${most / 86_400}d at most, not ${said}`);
    return seconds;
  }

  /** A text as it was written: digits of a number too. */
  written(node: Node): string {
    if (isScalar(node) && typeof node.value === 'number' && node.source !== undefined) return node.source;
    return String(this.scalar(node));
  }
}

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };
