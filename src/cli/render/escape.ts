/** What is a command of Markdown or HTML in a text is made what it looks like. Nothing here is safe for a terminal: see printable(). */

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** For text and for values of attributes in quotes. */
export const htmlText = (text: string): string => text.replaceAll(/[&<>"']/g, c => ENTITIES[c]!);

/** For text of one line; what programs would make a link of is none. */
export const markdownText = (text: string): string =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll(/[\\`*_[\]()|~#!>$]/g, c => `\\${c}`)
    .replaceAll(/(https?|ftp|mailto|www)(?=[:.])/gi, '$1&#8203;');
