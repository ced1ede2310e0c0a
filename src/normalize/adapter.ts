import type { JsonObject, JsonValue } from '../record/json.ts';
import type { ColumnName } from '../record/schema.ts';
import type { Draft } from './draft.ts';
import type { Wrapping } from './wrapper.ts';

/** How one input format is read: one file a format. Adapters are pure: no clock, no files, no memory of their own. */
export interface Adapter {
  readonly name: string;
  /** What writes it, for people. */
  readonly about: string;
  /** seen: written from lines of the writer itself; documented: from its source or documentation, cited in the file. */
  readonly basis: 'seen' | 'documented';
  /** A line of it, short. */
  readonly example: string;
  /** Columns that it can fill, beside those that every record has. */
  readonly fills: readonly ColumnName[];
  /**
   * Of a format that is text: the members of a line, under names that `read` takes; `not_a_request` for a line of this
   * format that records no request (start-up messages); undefined where it is none of this format's lines. No
   * quantifier of its patterns may be open where the match could begin again: a hostile line costs time by its length.
   */
  readonly fields?: (
    text: string,
    wrapping: Wrapping | undefined,
  ) => JsonObject | 'not_a_request' | undefined;
  /**
   * Is this object of the format? It alone tells, without its neighbours. Exact: no object of another format may be
   * taken for this one's. Text is recognized by `fields`, and this isn't asked.
   */
  readonly recognizes?: (source: JsonObject) => boolean;
  /** What it doesn't recognize is not its, whoever named it. */
  readonly strict?: boolean;
  /** The requests of a line that holds several (OTLP, batches), each an object for `read`; what is none is rejected. */
  readonly split?: (source: JsonObject) => readonly JsonValue[];
  /** For formats that spread one request over lines. */
  readonly parts?: Parts;
  /** Takes members into columns. `not_a_request`: it is of the format and records no request. */
  readonly read: (draft: Draft) => 'not_a_request' | void;
}

/** Lines that make one record together: chunks of a stream, `received` and `finished`. */
export interface Parts {
  /**
   * Which request is this a part of? `open`: more must come; `enough`: more may come; `last`: nothing comes any more.
   * Undefined for an object that is whole by itself. `isTimed`: where the line states no time, its carrier or its
   * arrival does.
   */
  of(
    source: JsonObject,
    isTimed: boolean,
  ): { readonly key: string; readonly state: 'open' | 'enough' | 'last' } | undefined;
  /**
   * Adds a part to those before it and returns what `read` gets if nothing else comes. It may change and return
   * `gathered`. Text that is gathered is for hashing: whatever comes first must be known to be the beginning.
   * Undefined: the part begins another request under a key that has come before (clients choose ids, servers begin anew).
   */
  fold(gathered: JsonObject | undefined, part: JsonObject): JsonObject | undefined;
}

/** The format of a whole source. */
export interface Choice {
  readonly adapter: Adapter;
  /**
   * A person named it: all lines are read as it, recognized or not. Told from the first lines: a line that it
   * does not recognize may be of another.
   */
  readonly forced: boolean;
}
