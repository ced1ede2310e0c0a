import { quote } from '../duck/engine.ts';

/** A value of Sigma: texts, and `*` (anything) and `?` (one character) that were not escaped. */
export type Pattern = readonly Part[];
export type Part = string | { readonly wild: '*' | '?' };

const ANY: Part = { wild: '*' };
const isAny = (part: Part | undefined): boolean => typeof part === 'object' && part.wild === '*';

/** `\*`, `\?` and `\\` are those characters; another `\` stands for itself. */
export function patternOf(text: string): Pattern {
  const parts: Part[] = [];
  let held = '';
  const flush = (): void => {
    if (held !== '') parts.push(held);
    held = '';
  };
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!;
    if (c === '\\' && ['*', '?', '\\'].includes(text[i + 1] ?? '')) held += text[++i]!;
    else if (c === '*' || c === '?') {
      flush();
      if (!(c === '*' && isAny(parts.at(-1)))) parts.push({ wild: c });
    } else held += c;
  }
  flush();
  return parts;
}

/** Its text, if nothing in it is wild. */
export function plainOf(pattern: Pattern): string | undefined {
  return pattern.every(part => typeof part === 'string') ? pattern.join('') : undefined;
}

export const startingWith = (pattern: Pattern): Pattern =>
  isAny(pattern.at(-1)) ? pattern : [...pattern, ANY];
export const endingWith = (pattern: Pattern): Pattern => (isAny(pattern[0]) ? pattern : [ANY, ...pattern]);
export const containing = (pattern: Pattern): Pattern => startingWith(endingWith(pattern));

/** Is `column` (SQL of a text) like the pattern? `fold`: whatever the case. */
export function likeSql(column: string, pattern: Pattern, fold: boolean): string {
  const text = fold ? `lower(${column})` : column;
  const value = (of: string): string => literal(of, fold);
  const plain = plainOf(pattern);
  if (plain !== undefined) return `${text} = ${value(plain)}`;
  if (pattern.every(isAny)) return `${column} IS NOT NULL`;
  const [first, second, third, more] = pattern;
  if (more === undefined) {
    if (typeof first === 'string' && isAny(second) && third === undefined)
      return `starts_with(${text}, ${value(first)})`;
    if (isAny(first) && typeof second === 'string' && third === undefined)
      return `suffix(${text}, ${value(second)})`;
    if (isAny(first) && typeof second === 'string' && isAny(third))
      return `contains(${text}, ${value(second)})`;
  }
  // Not LIKE: with three % it takes the cube of the length of what somebody else wrote.
  const regex = pattern
    .map(p => (typeof p === 'string' ? regexQuoted(p) : p.wild === '*' ? '.*' : '.'))
    .join('');
  return `regexp_full_match(${text}, ${value(`(?s)${regex}`)})`;
}

/** As the engine folds it, which for letters beyond ASCII is not always how this language does. */
export function literal(text: string, fold: boolean): string {
  if (!fold) return quote(text);
  return /^[\0-\x7f]*$/.test(text) ? quote(text.toLowerCase()) : `lower(${quote(text)})`;
}

const regexQuoted = (text: string): string => text.replaceAll(/[\\^$.|?*+()[\]{}]/g, c => `\\${c}`);
