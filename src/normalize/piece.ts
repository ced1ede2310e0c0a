import { isUtf8 } from 'node:buffer';
import { JsonError, type JsonFault, type JsonObject, parseJson } from '../record/json.ts';
import { type Unwrapped, unwrapObject, unwrapText, type Wrapping } from './wrapper.ts';

/** What a line holds once its carriers are taken off: an object, or text; or why it is neither. */
export type Piece =
  | { readonly kind: 'object'; readonly object: JsonObject; readonly wrapping?: Wrapping }
  | { readonly kind: 'text'; readonly text: string; readonly wrapping?: Wrapping }
  | { readonly kind: 'bad'; readonly reason: PieceFault };

export type PieceFault = JsonFault | 'not_utf8' | 'raw_nul' | 'not_object' | 'unterminated';

/** Carriers in carriers (CRI in CloudWatch, say); more is a riddle. */
const MAX_WRAPPINGS = 4;

/** Beginnings of lines that a carrier has cut, by its stream: at most one each. */
export type Cut = Map<string, string>;

/** No longer than the longest line: what a carrier cut is joined to no more. */
const MAX_JOINED = 16 << 20;

/**
 * The pieces of a line, without its line feed. None for a blank one, and for the beginning of one that its carrier has
 * cut, which is kept in `cut` for the line that goes on. Without `cut` such a line is bad: its neighbours are not seen.
 */
export function piecesOf(raw: Buffer, atStart: boolean, cut: Cut | undefined): readonly Piece[] {
  if (!isUtf8(raw)) return [{ kind: 'bad', reason: 'not_utf8' }];
  const text = raw.toString('utf8', atStart && hasBom(raw) ? 3 : 0);
  // A NUL inside a JSON string is refused by the parser too; this names it.
  if (raw.includes(0)) return [{ kind: 'bad', reason: 'raw_nul' }];
  return piecesOfText(text, undefined, cut, 0);
}

const CR = 13;

/** A line without the carriage return of Windows. */
export const withoutReturn = (raw: Buffer): Buffer => (raw.at(-1) === CR ? raw.subarray(0, -1) : raw);

const hasBom = (raw: Buffer): boolean => raw[0] === 0xef && raw[1] === 0xbb && raw[2] === 0xbf;

function piecesOfText(
  text: string,
  wrapping: Wrapping | undefined,
  cut: Cut | undefined,
  depth: number,
): readonly Piece[] {
  const begin = firstVisible(text);
  if (begin === undefined) return [];
  if (begin === '{' || begin === '[') {
    try {
      return piecesOfJson(parseJson(text), wrapping, cut, depth);
    } catch (error) {
      if (!(error instanceof JsonError)) throw error;
      // `[GIN] 2026/05/01 ...` is text that begins like a list.
      if (begin === '{' || error.reason !== 'not_json') return [{ kind: 'bad', reason: error.reason }];
    }
  }
  const event = serverSentData(text);
  if (event !== undefined) return event === '' ? [] : piecesOfText(event, wrapping, cut, depth + 1);
  const inner = depth < MAX_WRAPPINGS ? unwrapText(text) : undefined;
  if (inner) return unwrapped(inner, wrapping, cut, depth);
  return [{ kind: 'text', text, ...(wrapping && { wrapping }) }];
}

function piecesOfJson(
  value: ReturnType<typeof parseJson>,
  wrapping: Wrapping | undefined,
  cut: Cut | undefined,
  depth: number,
): readonly Piece[] {
  if (Array.isArray(value)) {
    if (depth >= MAX_WRAPPINGS) return [{ kind: 'bad', reason: 'too_deep' }];
    return value.length === 0
      ? [{ kind: 'bad', reason: 'not_object' }]
      : value.flatMap(item => piecesOfJson(item, wrapping, cut, depth + 1));
  }
  if (!(value instanceof Map)) return [{ kind: 'bad', reason: 'not_object' }];
  const inner = depth < MAX_WRAPPINGS ? unwrapObject(value) : undefined;
  return inner
    ? unwrapped(inner, wrapping, cut, depth)
    : [{ kind: 'object', object: value, ...(wrapping && { wrapping }) }];
}

/** The innermost carrier stood nearest to the writer: what it says holds. */
function unwrapped(
  inner: Unwrapped,
  outer: Wrapping | undefined,
  cut: Cut | undefined,
  depth: number,
): readonly Piece[] {
  const stream = `${inner.wrapping.by} ${inner.stream ?? ''}`;
  const before = cut?.get(stream) ?? '';
  cut?.delete(stream);
  const wrapping = { ...outer, ...inner.wrapping };
  if (inner.more === true && inner.texts[0] !== undefined) {
    if (!cut) return [{ kind: 'bad', reason: 'unterminated' }];
    const joined = before + inner.texts[0];
    if (joined.length <= MAX_JOINED) {
      cut.set(stream, joined);
      return [];
    }
  }
  return inner.texts.flatMap((text, i) =>
    piecesOfText(i === 0 ? before + text : text, wrapping, cut, depth + 1),
  );
}

/** What a line of a captured event stream holds (HTML, server-sent events); empty for its ends and names. */
function serverSentData(text: string): string | undefined {
  if (text.startsWith('data: {')) return text.slice('data: '.length);
  return /^(?:data: \[DONE\]|event: [\w.]{1,100}|: ?[\w-]{0,40})\r?$/.test(text) ? '' : undefined;
}

function firstVisible(text: string): string | undefined {
  for (const c of text) if (c.trim() !== '') return c;
  return undefined;
}
