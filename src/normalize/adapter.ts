import type { JsonObject } from '../record/json.ts';
import type { Draft } from './draft.ts';

/** How one input format is read: one file a format. */
export interface Adapter {
  readonly name: string;
  /** What writes it, for people. */
  readonly about: string;
  /** Is this object of the format? Looks at this line alone, so that no line's reading depends on another. */
  recognizes(source: JsonObject): boolean;
  /** Takes members into columns. `not_a_request`: the line is of the format and records no request. */
  read(draft: Draft): 'not_a_request' | void;
}
