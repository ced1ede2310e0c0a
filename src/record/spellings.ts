/** Quoted text in quoted text: no carrier that ingest reads goes deeper. */
const MOST_DEEP = 5;

/**
 * A text, and what it stands for where JSON (`\u0061na`) or a URL (`%61na`) has escaped it, once and again: a line that is no whole JSON can't
 * be parsed for what its strings say.
 */
export function spellingsOf(text: string): string[] {
  const found = new Set([text]);
  for (let [deep, latest] = [0, [text]]; deep < MOST_DEEP && latest.length > 0; deep++) {
    latest = latest.flatMap(one => [unquoted(one), unescaped(one)]).filter(one => !found.has(one));
    for (const one of latest) found.add(one);
  }
  return [...found];
}

const QUOTED = /\\(?:u([0-9a-fA-F]{4})|(["\\/bfnrt]))/g;
const SHORT: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };

const unquoted = (text: string): string =>
  text.includes('\\')
    ? text.replaceAll(QUOTED, (_, hex: string | undefined, short: string) =>
        hex === undefined ? (SHORT[short] ?? short) : String.fromCharCode(parseInt(hex, 16)),
      )
    : text;

/** Each run of escaped bytes as the UTF-8 that it is. */
const unescaped = (text: string): string =>
  text.includes('%')
    ? text.replaceAll(/(?:%[0-9a-fA-F]{2})+/g, run =>
        Buffer.from(run.replaceAll('%', ''), 'hex').toString('utf8'),
      )
    : text;
