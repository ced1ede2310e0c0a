import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Cell, InquiryStatement, ResultColumn } from '../duck/job.ts';
import { QueryProcess, type ResultSink } from '../duck/process.ts';
import { NO_SINK } from '../duck/sink.ts';
import { AuditError } from '../errors.ts';
import { whileMoving } from '../store/moving.ts';
import type { Store } from '../store/store.ts';
import { type Answered, isGone, type Question, type QueryOptions } from './query.ts';
import { findReads, type FoundReads } from './reads.ts';

/** By the names of the columns; as `--json` has them: see Cell. */
export type Row = Readonly<Record<string, Cell>>;

/** Whom many questions are asked about one state of a store. */
export interface Asker {
  /**
   * All rows of one SELECT over the views and what was kept: ask for few. Throws as query() does; the next question can be asked
   * all the same.
   */
  all(sql: string, parameters?: Question['parameters']): Promise<readonly Row[]>;
  /** Makes the rows of a SELECT a table that later questions can name, `[a-z_]+`. It may spill to disk. */
  keep(name: string, sql: string, parameters?: Question['parameters']): Promise<void>;
}

export interface InquiryOptions
  extends Omit<QueryOptions, 'repeatable' | 'parquet'>, Pick<Question, 'since' | 'until'> {
  /** Views beside those of records that will be asked. */
  readonly tables?: readonly ('segments' | 'entries' | 'quarantine')[];
}

/**
 * Opens and checks the payloads of a span once, lets `work` ask, and checks behind the last answer that nothing was touched
 * meanwhile: until it returns nothing of them is to be believed. `timeoutMs` is each question's. A question that ends the
 * process is tried no more; the others go on in another one, over the same files. Throws as query() does.
 */
export async function inquire<T>(
  store: Store,
  options: InquiryOptions,
  work: (asker: Asker) => Promise<T>,
): Promise<Answered & { readonly value: T }> {
  let hasBegun = false;
  let { process: engine, ...others } = options;
  return whileMoving(
    store.at,
    async () => {
      const first = engine;
      engine = undefined;
      const folder = mkdtempSync(join(tmpdir(), 'slmaudit-query-'));
      try {
        const names = (options.tables ?? []).join(' ');
        const { since, until } = options;
        const asked = { names, ...(since !== undefined && { since }), ...(until !== undefined && { until }) };
        const found = await findReads(store, asked, options, folder);
        const inquirer = new Inquirer(found, { ...others, ...(first && { process: first }) });
        return await inquirer.hold(() => {
          hasBegun = true;
          return work(inquirer);
        });
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
    error => !hasBegun && isGone(error),
  );
}

class Inquirer implements Asker {
  readonly #found: FoundReads;
  readonly #options: InquiryOptions;
  readonly #heard: ReturnType<FoundReads['hearing']>;
  readonly #kept: InquiryStatement[] = [];
  #engine: QueryProcess;
  #processes = 1;
  #identities = '';

  constructor(found: FoundReads, options: InquiryOptions) {
    this.#found = found;
    this.#options = options;
    this.#heard = found.hearing(options);
    this.#engine = options.process ?? new QueryProcess(options.memory);
  }

  async hold<T>(work: () => Promise<T>): Promise<Answered & { readonly value: T }> {
    try {
      this.#identities = await this.#engine.open(this.#found.reads, this.#heard, this.#options.signal);
      const value = await work();
      await this.#revive();
      this.#found.remember(await this.#engine.close(this.#heard, this.#options.signal));
      return { ...this.#found.answered(this.#heard), value };
    } finally {
      this.#engine.stop();
    }
  }

  async all(sql: string, parameters: Question['parameters'] = {}): Promise<readonly Row[]> {
    const rows: Row[] = [];
    let names: readonly string[] = [];
    const sink: ResultSink = {
      columns: (columns: readonly ResultColumn[]) => void (names = columns.map(c => c.name)),
      rows(batch) {
        for (const row of batch) rows.push(Object.fromEntries(row.map((cell, i) => [names[i]!, cell])));
        return true;
      },
      end: () => undefined,
    };
    await this.#ask({ sql, parameters }, sink);
    return rows;
  }

  async keep(name: string, sql: string, parameters: Question['parameters'] = {}): Promise<void> {
    const statement = { sql, parameters, keep: name };
    await this.#ask(statement, NO_SINK);
    this.#kept.push(statement);
  }

  async #ask(statement: InquiryStatement, sink: ResultSink): Promise<void> {
    const { signal, timeoutMs } = this.#options;
    await this.#revive();
    const timed = { ...statement, ...(timeoutMs !== undefined && { timeoutMs }) };
    await this.#engine.ask(timed, sink, this.#heard, signal);
  }

  /** What was kept is made again, from files that are still what they were. */
  async #revive(): Promise<void> {
    if (!this.#engine.isGone) return;
    this.#engine = new QueryProcess(this.#options.memory);
    const temporary = join(this.#found.reads.temporary, '..', String(++this.#processes), 'spill');
    const identities = await this.#engine.open(
      { ...this.#found.reads, temporary },
      this.#heard,
      this.#options.signal,
    );
    if (identities !== this.#identities)
      throw new AuditError('PAYLOAD_TOUCHED', 'records were touched while they were read', {
        hint: 'ask again; sealed files are written once, so find out what touches them',
      });
    for (const statement of this.#kept)
      await this.#engine.ask(statement, NO_SINK, this.#heard, this.#options.signal);
  }
}
