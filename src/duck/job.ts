/** What the parent of the query process tells it, and what it answers; JSON both ways. */
export interface QueryJob {
  readonly sql: string;
  readonly payloads: readonly Payload[];
  /** NDJSON of records that are not sealed yet. */
  readonly open?: string;
  /** In DuckDB's words. */
  readonly memory: string;
  /** A private folder it may spill to. */
  readonly temporary: string;
}

export interface Payload {
  readonly path: string;
  readonly segment: number;
  /** `seq` of its first record. */
  readonly first: number;
  readonly sha256: string;
  readonly bytes: number;
}

/** A value in a result, ready for JSON: see cell.ts. */
export type Cell = string | number | boolean | null | Cell[] | { [name: string]: Cell };

export interface ResultColumn {
  readonly name: string;
  /** Does it hold numbers, to be aligned right? */
  readonly numeric: boolean;
}

export type Asked = { readonly kind: 'job'; readonly job: QueryJob } | { readonly kind: 'more' };

export type Answer =
  | { readonly kind: 'columns'; readonly columns: readonly ResultColumn[] }
  | { readonly kind: 'rows'; readonly rows: readonly (readonly Cell[])[] }
  | { readonly kind: 'end' }
  | {
      readonly kind: 'failed';
      readonly code: string;
      readonly message: string;
      readonly hint?: string;
      readonly exit: number;
    };
