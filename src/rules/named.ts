import type { Known } from './compile.ts';
import type { Parsed } from './parse.ts';

interface Placed {
  readonly parsed: Parsed;
  readonly set: number;
}

/**
 * Rules by what they are called. A name means the rule of the same file first: whatever others call their rules, a correlation stays what
 * its author made of it. Then it means the rule of that id, then the first one of that name.
 */
export class Named implements Known {
  /** By id of what stands for another rule: the file of that one. */
  readonly replaced: Map<string, string> = new Map();
  readonly #byId = new Map<string, Placed>();
  readonly #byFile = new Map<string, Map<string, string>>();
  #byName: Map<string, Parsed> | undefined;

  /** Where the rule of the same id stands, if that is of the same set. */
  add(parsed: Parsed, set: number): string | undefined {
    const { id, name, file } = parsed.rule;
    const other = this.#byId.get(id);
    this.#byId.set(id, { parsed, set });
    const own = this.#byFile.get(file) ?? new Map<string, string>();
    this.#byFile.set(file, own.set(id, id));
    if (name !== undefined && !own.has(name)) own.set(name, id);
    this.#byName = undefined;
    if (!other) return undefined;
    if (other.set === set) return placeOf(other.parsed, parsed);
    this.replaced.set(id, other.parsed.rule.file);
    return undefined;
  }

  setOf(id: string): number {
    return this.#byId.get(id)?.set ?? 0;
  }

  *all(): Generator<Parsed> {
    for (const { parsed } of this.#byId.values()) yield parsed;
  }

  /** Rules that are called as one before them is, by its name or its id. */
  *shared(): Generator<readonly [Parsed, name: string, other: Parsed]> {
    const first = new Map<string, Parsed>();
    for (const parsed of this.all()) {
      const names = new Set([parsed.rule.id, parsed.rule.name ?? parsed.rule.id]);
      const taken = [...names].find(name => first.has(name));
      if (taken !== undefined) yield [parsed, taken, first.get(taken)!];
      for (const name of names) if (!first.has(name)) first.set(name, parsed);
    }
  }

  get(name: string, file: string): Parsed | undefined {
    const id = this.#byFile.get(file)?.get(name) ?? name;
    return this.#byId.get(id)?.parsed ?? this.#names().get(name);
  }

  names(): readonly string[] {
    return [...this.#names().keys(), ...this.#byId.keys()];
  }

  #names(): ReadonlyMap<string, Parsed> {
    if (this.#byName) return this.#byName;
    const byName = new Map<string, Parsed>();
    for (const parsed of this.all()) {
      const { name } = parsed.rule;
      if (name !== undefined && !byName.has(name)) byName.set(name, parsed);
    }
    return (this.#byName = byName);
  }
}

/** `line 7`, or `own.yml:7` of another file. */
export const placeOf = ({ rule: { file, line } }: Parsed, from: Parsed): string =>
  file === from.rule.file ? `line ${line}` : `${file}:${line}`;
