import { statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cell, ResultColumn } from '../duck/job.ts';
import type { ResultSink } from '../duck/process.ts';
import { AuditError } from '../errors.ts';
import { type AskedBy, beginLogged } from '../query/logged.ts';
import { query, type Question, type QueryOptions } from '../query/query.ts';
import { VIEW_NAMES } from '../record/schema.ts';
import { checkpointPath, namesIn, openFolder } from '../store/layout.ts';
import { readCheckpoint } from '../store/log.ts';
import type { Store } from '../store/store.ts';
import type { Condition } from './conditions.ts';
import { named, searchQuestion } from './search.ts';

export interface Following {
  readonly columns: readonly string[] | undefined;
  readonly span: Pick<Question, 'since' | 'until'>;
  readonly options: QueryOptions;
  readonly asker: Omit<AskedBy, 'question'>;
}

const EVERY_MS = 1000;

/**
 * Prints records as they become durable, each once, in batches, until `signal`. Without `since` those that are there
 * already are passed over. What is new is told by event id while a record is open, and by its place once it is sealed.
 */
export async function follow(
  store: Store,
  condition: Condition,
  following: Following,
  sinkOf: () => ResultSink,
): Promise<void> {
  const { asker, columns, options, span } = following;
  const logged = beginLogged(store, {
    ...asker,
    question: { ...searchQuestion(condition, columns ? { columns } : {}), ...span },
  });
  let rows = 0;
  const except = logged ? { except: logged.batch } : {};
  try {
    await look(store, condition, { ...following, options: { ...options, ...except } }, sinkOf, n => {
      rows += n;
    });
    logged?.end('ok', { rows });
  } catch (error) {
    // An interrupt is how it ends, also while it looks.
    const isOver = error instanceof AuditError && error.code === 'QUERY_STOPPED';
    logged?.end(isOver ? 'ok' : 'error', { rows });
    if (!isOver) throw error;
  }
}

async function look(
  store: Store,
  { sql, ...rest }: Condition,
  { columns, span, options }: Following,
  sinkOf: () => ResultSink,
  told: (rows: number) => void,
): Promise<void> {
  /** Open records that were printed. */
  let seen = new Map<string, number>();
  let sealedTo = -1;
  let first = true;
  let before = '';
  const shown = (columns ?? VIEW_NAMES).map(c => named(c)).join(', ');
  while (!options.signal?.aborted) {
    const now = stateOf(store);
    if (now !== before) {
      before = now;
      // Names of their own: of two that are the same, the engine gives one another name.
      const question = {
        sql: `SELECT seq AS place_1, event_id AS id_1, ${shown} FROM records WHERE (seq IS NULL OR seq > ${sealedTo}) AND ${sql}\nORDER BY ts, place_1, id_1`,
        ...rest,
        ...span,
      };
      const isSilent = first && span.since === undefined;
      const open = new Map<string, number>();
      const printed = new Fresh(sinkOf(), { seen, open, isSilent, told });
      const { segments } = await query(store, question, { ...options, fromSeq: sealedTo + 1 }, printed);
      const last = segments.at(-1);
      if (last) sealedTo = last.first + last.records - 1;
      // A record that was open and is sealed now has been printed: it is among those up to sealedTo.
      seen = open;
      first = false;
    }
    await sleep(EVERY_MS, undefined, { signal: options.signal! }).catch(() => undefined);
  }
}

/** Changes when something was written. */
function stateOf({ at }: Store): string {
  const open = namesIn(openFolder(at)).map(name => {
    const stat = statSync(`${openFolder(at)}/${name}`, { throwIfNoEntry: false });
    return `${name} ${stat?.size ?? 0}`;
  });
  return [readCheckpoint(at).size, statSync(checkpointPath(at)).mtimeMs, ...open].join('\n');
}

interface Passing {
  /** Open records that were passed on before, and those that are open now. */
  readonly seen: ReadonlyMap<string, number>;
  readonly open: Map<string, number>;
  readonly isSilent: boolean;
  readonly told: (rows: number) => void;
}

/** Passes on rows that were not passed on before. */
class Fresh implements ResultSink {
  readonly #to: ResultSink;
  readonly #seen: Map<string, number>;
  readonly #passing: Passing;
  #columns: readonly ResultColumn[] = [];
  #any = false;

  constructor(to: ResultSink, passing: Passing) {
    this.#to = to;
    this.#seen = new Map(passing.seen);
    this.#passing = passing;
  }

  columns(columns: readonly ResultColumn[]): void {
    this.#columns = columns.slice(2);
  }

  async rows(rows: readonly (readonly Cell[])[]): Promise<boolean> {
    const { open, isSilent, told } = this.#passing;
    const fresh = rows.filter(([seq, id]) => {
      const name = id as string;
      if (seq === null) open.set(name, (open.get(name) ?? 0) + 1);
      const before = this.#seen.get(name) ?? 0;
      if (before > 0) this.#seen.set(name, before - 1);
      return before === 0 && !isSilent;
    });
    if (fresh.length === 0) return true;
    if (!this.#any) await this.#to.columns(this.#columns);
    this.#any = true;
    told(fresh.length);
    return this.#to.rows(fresh.map(row => row.slice(2)));
  }

  async end(): Promise<void> {
    if (this.#any) await this.#to.end();
  }
}
