import type { Cell } from '../duck/job.ts';

/**
 * A page of a report as data, before it is text: what a terminal, Markdown and HTML show in their own ways, and what machines
 * get (`data`). Nothing in it is escaped: names may come from a log, and each renderer makes them harmless.
 *
 *   title            Usage
 *   subtitle         7 days to 2026-05-08 00:00 (UTC), compared to the 7 before
 *   summary          12,345 requests, 12% more than before.
 *   sections         heading, text, plots, table, the command that shows the records, sections of their own
 *   notes            No latency was recorded.
 */
export interface Page {
  readonly title: string;
  readonly subtitle?: string;
  /** The important thing first: 1 to 4 sentences. */
  readonly summary: readonly string[];
  readonly sections: readonly Section[];
  /** What can't be judged, and why. */
  readonly notes: readonly string[];
  /** Nothing lies in the period, and where there is something is still to be said. */
  readonly isEmpty?: boolean;
  /** What `--json` prints: a stable shape of its own that names itself, `form: 'slmaudit-report-usage/1'`. */
  readonly data: unknown;
}

export interface Section {
  readonly heading: string;
  readonly text?: readonly string[];
  readonly plots?: readonly Plot[];
  readonly table?: PageTable;
  /** The command that shows the records. */
  readonly more?: string;
  readonly sections?: readonly Section[];
}

/** A list of numbers is drawn as a sparkline, a numeric column called `bar`, or `..._bar`, as bars. */
export interface PageTable {
  readonly columns: readonly PageColumn[];
  readonly rows: readonly (readonly Cell[])[];
}

export interface PageColumn {
  readonly name: string;
  readonly numeric?: boolean;
  /** Is left out, the last first, before a terminal that is too narrow would cut names. */
  readonly minor?: boolean;
}

export interface Plot {
  readonly title: string;
  /** Stands at the axis: `requests`, `ms`, `%`. */
  readonly unit: string;
  readonly kind: 'line' | 'bars';
  /** In the order of time, evenly apart; `at` is RFC 3339, `value` null where nothing is known. */
  readonly points: readonly Point[];
  /** Drawn as a band behind the points, joined to them by `at`. */
  readonly expected?: readonly Expected[];
  /** Times that are pointed out, such as episodes. */
  readonly marks?: readonly Mark[];
}

export interface Point {
  readonly at: string;
  readonly value: number | null;
}

export interface Expected {
  readonly at: string;
  readonly low: number;
  readonly mid: number;
  readonly high: number;
}

export interface Mark {
  readonly from: string;
  readonly to: string;
  readonly says: string;
}
