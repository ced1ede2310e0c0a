import type { PayloadFile } from '../log/inventory.ts';
import type { Range } from '../log/ranges.ts';
import type { KnownPayload, PlacedSegment } from '../store/known.ts';

/** What the query process is to open; JSON, as all that the parent and it say to each other. */
export interface Reads {
  /** Only records of that span are in the views: microseconds since 1970, `to` excluded. */
  readonly span: { readonly from?: number; readonly to?: number };
  /** In the order of their first records. */
  readonly files: readonly JobFile[];
  /** Only records before that place are asked, where a file holds others too. */
  readonly below?: number;
  /** NDJSON of records that are not sealed yet. */
  readonly open?: string;
  /** NDJSON of further views, and their columns' types. */
  readonly tables: Readonly<Record<string, JobTable>>;
  /** In DuckDB's words. */
  readonly memory: string;
  /** A private folder it may spill to, and how much. */
  readonly temporary: string;
  readonly spill: string;
  readonly threads?: number;
  /** Nothing that is remembered counts, and all payloads are checked once more behind the query. */
  readonly strict: boolean;
  /** Payloads that are altered are read, and every row says so; missing ones are left out. */
  readonly unverified: boolean;
  /** What is wrong already; only with `unverified`. */
  readonly findings: readonly string[];
  /** A folder with filters, by the SHA-256 of their payload. */
  readonly filters?: string;
}

/** One question, known before anything is opened: only what can matter to it is. */
export interface QueryJob extends Reads {
  readonly sql: string;
  /** A condition that stands in it between parentheses and must not close them: it is read by itself first. */
  readonly expression?: string;
  /** Bound as text, by name (or number, for `?`). */
  readonly parameters: Readonly<Record<string, string>>;
  /** Names the view `lines`, which is not for SQL from outside: seq, ts and canonical line. */
  readonly lines: boolean;
  /** Write the answer there as Parquet; rows are sent only if `andRows`. */
  readonly parquet?: { readonly path: string; readonly andRows: boolean };
  /** Refuse what could not be answered the same again. */
  readonly repeatable: boolean;
}

export interface JobTable {
  readonly path: string;
  readonly columns: Readonly<Record<string, string>>;
}

/** A file of records. */
export interface JobFile extends Pick<PayloadFile, 'sha256' | 'bytes' | 'isRestated'> {
  readonly path: string;
  /** Earliest and latest `ts` of all of them. */
  readonly span: { readonly from: string; readonly to: string };
  /** Whole, and in this order. */
  readonly segments: readonly JobSegment[];
  readonly known?: KnownPayload;
}

export interface JobSegment extends Pick<PlacedSegment, 'segment' | 'first' | 'records' | 'root'> {
  /** Rows of which only the leaf hash is left, counted from 0. */
  readonly redacted?: readonly Range[];
}

/** A value in a result, ready for JSON: see cell.ts. */
export type Cell = string | number | boolean | null | Cell[] | { [name: string]: Cell };

export interface ResultColumn {
  readonly name: string;
  /** Does it hold numbers, to be aligned right? */
  readonly numeric: boolean;
}

/** What a query reads. */
export interface Plan {
  readonly read: readonly number[];
  readonly leftOut: readonly { readonly segment: number; readonly why: LeftOut }[];
  /** Are records of open segments among it? */
  readonly open: boolean;
}

/** outside: none of its records lies in the span; without: none has a value that is asked for; missing: with --allow-unverified; pruned: deleted as recorded. */
export type LeftOut = 'outside' | 'without' | 'missing' | 'not_asked' | 'pruned';

/** What was checked, to be remembered. */
export interface Checked {
  readonly sha256: string;
  readonly identity?: string;
  readonly at?: number;
  readonly filter?: string;
  readonly proved?: string;
}

/** One of many questions of what an inquiry has opened. */
export interface InquiryStatement {
  readonly sql: string;
  readonly parameters: Readonly<Record<string, string>>;
  /** Its rows become a table of that name instead of being sent. */
  readonly keep?: string;
  readonly timeoutMs?: number;
}

export type Asked =
  | { readonly kind: 'job'; readonly job: QueryJob }
  | { readonly kind: 'inquiry'; readonly reads: Reads }
  | { readonly kind: 'ask'; readonly statement: InquiryStatement }
  | { readonly kind: 'over' }
  | { readonly kind: 'more' };

export type Answer =
  | { readonly kind: 'plan'; readonly plan: Plan; readonly findings: readonly string[] }
  | { readonly kind: 'progress'; readonly progress: Progress }
  | { readonly kind: 'columns'; readonly columns: readonly ResultColumn[] }
  /** JSON of a list of rows, each a list of cells. */
  | { readonly kind: 'rows'; readonly json: string }
  /** Of an inquiry: all is open. `identities`: SHA-256 of what the files were. */
  | { readonly kind: 'ready'; readonly engine: string; readonly identities: string }
  /** All rows were sent. What comes behind is for the next query. */
  | { readonly kind: 'answered'; readonly engine: string }
  | { readonly kind: 'end'; readonly checked: readonly Checked[] }
  | {
      readonly kind: 'failed';
      readonly code: string;
      readonly message: string;
      readonly hint?: string;
      readonly exit: number;
      readonly checked: readonly Checked[];
    };

export type Progress =
  | { readonly phase: 'checking'; readonly files: number; readonly of: number; readonly bytes: number }
  | { readonly phase: 'querying'; readonly percent: number; readonly bytes: number };

/** One JSON object a row, its members in the order of the columns: a line of ndjson. */
export function objectTexts(columns: readonly ResultColumn[]): (row: readonly Cell[]) => string {
  const names = columns.map((c, i) => `${i === 0 ? '' : ','}${JSON.stringify(c.name)}:`);
  return row => {
    let text = '{';
    for (const [i, name] of names.entries()) text += name + JSON.stringify(row[i] ?? null);
    return `${text}}`;
  };
}

/** Of the view `entries`, as the engine types them. */
export const ENTRY_COLUMNS = {
  entry: 'BIGINT',
  kind: 'VARCHAR',
  at: 'TIMESTAMPTZ',
  clock: 'TIMESTAMPTZ',
  sha256: 'VARCHAR',
  records: 'BIGINT',
  text: 'VARCHAR',
} as const;
