import type { JsonObject } from '../record/json.ts';
import { readTime } from '../record/time.ts';
import type { Adapter, Choice } from './adapter.ts';
import { FORMATS } from './formats.ts';
import type { Piece } from './piece.ts';

export interface Recognized {
  readonly adapter: Adapter;
  /** What `read` or `split` gets: the object, or the members of the text. */
  readonly source: JsonObject;
}

type Readable = Exclude<Piece, { kind: 'bad' }>;

/** Which format reads this piece: the chosen one, or the first that recognizes it. */
export function recognize(
  piece: Readable,
  choice?: Choice,
): Recognized | 'not_a_request' | 'not_json' | 'unknown_format' | 'no_time' {
  if (piece.kind === 'text') return recognizeText(piece, choice);
  const source = piece.object;
  const adapter = choice ? chosen(source, choice) : firstOf(source);
  if (adapter) return { adapter, source };
  return hasTime(source) || piece.wrapping?.time !== undefined ? 'unknown_format' : 'no_time';
}

function chosen(source: JsonObject, { adapter, forced }: Choice): Adapter | undefined {
  if (forced)
    return adapter.recognizes && (!adapter.strict || adapter.recognizes(source)) ? adapter : undefined;
  return adapter.recognizes?.(source) === true ? adapter : firstOf(source);
}

const firstOf = (source: JsonObject): Adapter | undefined =>
  FORMATS.find(f => f.recognizes?.(source) === true);

function recognizeText(
  { text, wrapping }: Extract<Piece, { kind: 'text' }>,
  choice?: Choice,
): Recognized | 'not_a_request' | 'not_json' | 'unknown_format' {
  for (const adapter of candidates(choice)) {
    const fields = adapter.fields?.(text, wrapping);
    if (fields === undefined) continue;
    return fields === 'not_a_request' ? fields : { adapter, source: fields };
  }
  return choice?.adapter.fields ? 'unknown_format' : 'not_json';
}

function candidates(choice?: Choice): readonly Adapter[] {
  if (!choice) return FORMATS;
  return choice.forced ? [choice.adapter] : [choice.adapter, ...FORMATS.filter(f => f !== choice.adapter)];
}

/** Does the object state any time? Then it is its format that isn't known. */
function hasTime(source: JsonObject, depth = 0): boolean {
  for (const value of source.values()) {
    if (value instanceof Map ? depth < 2 && hasTime(value, depth + 1) : readTime(value) !== undefined)
      return true;
  }
  return false;
}
