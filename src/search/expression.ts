/** As the engine cuts SQL: a string with escapes, a name or word, a string, a quoted name, a dollar-quoted string, a comment; any other sign. */
const PART =
  /[eE]'(?:[^'\\]|\\[^]|'')*'|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*|'(?:[^']|'')*'|"(?:[^"]|"")*"|\$([A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$[^]*?\$\1\$|--[^\r\n]*|\/\*[^]*?\*\/|[^]/g;

/**
 * What keeps a text in SQL from being one condition within parentheses: undefined if nothing does. Without this, `1=1) OR (1=1`
 * would undo all that is asked beside it. What it is worth as SQL the engine says.
 */
export function notOneExpression(text: string): string | undefined {
  let depth = 0;
  let before = '';
  for (const [part] of text.matchAll(PART)) {
    if (part === '(') depth++;
    else if (part === ')' && --depth < 0) return 'it closes a parenthesis that it has not opened';
    else if (part === ';') return 'it has a semicolon';
    else if (part === "'" || part === '"') return `it has a ${part} without its counterpart`;
    else if (before === '/' && part === '*') return 'it has a comment without an end';
    before = part;
  }
  return depth > 0 ? 'it opens a parenthesis that it does not close' : undefined;
}
