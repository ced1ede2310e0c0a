import { hash } from 'node:crypto';
import type { DuckDBConnection } from '@duckdb/node-api';
import { ask } from './ask.ts';
import { engineVersion } from './engine.ts';
import { guard } from './guard.ts';
import type { Checked, InquiryStatement, Reads } from './job.ts';
import { openAll, spanOf, type Tell, watched, withReader } from './opening.ts';
import { choose, type Opened, type Reading } from './reading.ts';
import { type Send, sendRows } from './rows.ts';
import { tookTooLong } from './trouble.ts';
import { within } from './within.ts';

/** Many questions of files that are opened and checked once, in the query process. */
export class Inquiry {
  readonly checked: readonly Checked[];
  readonly isOver: Promise<void>;
  readonly #db: DuckDBConnection;
  readonly #opened: readonly Opened[];
  readonly #tell: Tell;
  readonly #answer: Send;
  readonly #kept: string[] = [];
  #end: () => void = () => undefined;

  constructor(
    db: DuckDBConnection,
    { reading, opened }: { readonly reading: Reading; readonly opened: readonly Opened[] },
    tell: Tell,
    answer: Send,
  ) {
    this.checked = reading.checked;
    this.isOver = new Promise(resolve => {
      this.#end = resolve;
    });
    [this.#db, this.#opened, this.#tell, this.#answer] = [db, opened, tell, answer];
  }

  end(): void {
    this.#end();
  }

  /** Sends the rows, or keeps them. Each statement is guarded like one that comes alone. Throws QUERY_TIMEOUT, SQL_REFUSED and the engine's. */
  async ask({ sql, parameters, keep, timeoutMs }: InquiryStatement): Promise<void> {
    const { root } = await guard(this.#db, sql, this.#kept);
    const text = await within(this.#db, sql, root);
    await watched(this.#db, this.#opened, this.#tell, () =>
      this.#inTime(timeoutMs, async () => {
        if (keep === undefined) return sendRows(this.#db, { sql, text, parameters }, [], this.#answer);
        await (await ask(this.#db, `CREATE TABLE "${keep}" AS (${text}\n)`, parameters)).run();
        this.#kept.push(keep);
      }),
    );
  }

  async #inTime(ms: number | undefined, work: () => Promise<void>): Promise<void> {
    if (ms === undefined) return work();
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      this.#db.interrupt();
    }, ms);
    try {
      await work();
    } catch (error) {
      throw isLate ? tookTooLong() : error;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Opens what lies in the span, and answers until it is said to be over; then what was touched meanwhile is read once more. */
export async function withInquiry(
  reads: Reads,
  tell: Tell,
  answer: Send,
  work: (inquiry: Inquiry) => Promise<void>,
): Promise<void> {
  await withReader(reads, async db => {
    // Each question would read the footers of all files anew, once for each time that it names a view.
    await db.run('SET parquet_metadata_cache = true');
    const all = await openAll(db, reads, choose(reads, spanOf(reads)), tell, answer, {
      isOpen: true,
      lines: false,
    });
    const inquiry = new Inquiry(db, all, tell, answer);
    const identities = hash('sha256', JSON.stringify(all.opened.map(o => [o.file.sha256, o.identity])));
    const answered = work(inquiry);
    tell({ kind: 'ready', engine: engineVersion(), identities });
    await answered;
    all.reading.again();
  });
}
