import { createHash } from 'node:crypto';
import { type Cell, objectTexts, type ResultColumn } from '../duck/job.ts';
import type { ResultSink } from '../duck/process.ts';
import { Digests, MOST_DIGESTS } from './digests.ts';

/** What a receipt says of an answer. */
export interface Answer {
  readonly columns: readonly string[];
  readonly rows: number;
  /** Of the rows as `--format ndjson` prints them. */
  readonly sha256: string;
  /** Of the rows' SHA-256 in ascending order: the same for another order. Not for more than a million rows. */
  readonly sortedSha256?: string;
}

/** Passes rows on, and counts them. */
export class Counting implements ResultSink {
  readonly #to: ResultSink;
  count = 0;

  constructor(to: ResultSink) {
    this.#to = to;
  }

  columns(columns: readonly ResultColumn[]): void | Promise<void> {
    return this.#to.columns(columns);
  }

  rows(rows: readonly (readonly Cell[])[]): boolean | Promise<boolean> {
    this.count += rows.length;
    return this.#to.rows(rows);
  }

  end(): void | Promise<void> {
    return this.#to.end();
  }
}

/** Hashes them too. */
export class Hashing extends Counting {
  readonly #running = createHash('sha256');
  #columns: readonly ResultColumn[] = [];
  #textOf: (row: readonly Cell[]) => string = objectTexts([]);
  readonly #each = new Digests();

  override columns(columns: readonly ResultColumn[]): void | Promise<void> {
    this.#columns = columns;
    this.#textOf = objectTexts(columns);
    return super.columns(columns);
  }

  override rows(rows: readonly (readonly Cell[])[]): boolean | Promise<boolean> {
    let each = this.count;
    for (const row of rows) {
      const line = `${this.#textOf(row)}\n`;
      this.#running.update(line);
      if (++each <= MOST_DIGESTS) this.#each.add(line);
    }
    return super.rows(rows);
  }

  answer(): Answer {
    const sorted = this.count <= MOST_DIGESTS && this.#each.sortedHash();
    return {
      columns: this.#columns.map(c => c.name),
      rows: this.count,
      sha256: this.#running.copy().digest('hex'),
      ...(sorted && { sortedSha256: sorted }),
    };
  }
}
