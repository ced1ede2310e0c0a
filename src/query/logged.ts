import { hash } from 'node:crypto';
import { AuditError } from '../errors.ts';
import { isUnwritable } from '../store/durable.ts';
import { readSettings } from '../store/settings.ts';
import type { Store } from '../store/store.ts';
import { type Actor, createOwn, type OwnRecord, scrubbed } from './own.ts';
import type { Question } from './query.ts';

export interface Logged {
  /** The open segment that the record lies in. */
  readonly batch: string;
  /** What was asked so far was to find out what to ask: this is it. */
  asks(question: Question): void;
  end(
    status: OwnRecord['status'],
    more: { readonly rows: number; readonly receipt?: string | undefined },
  ): void;
}

export interface AskedBy extends Actor {
  readonly verb: string;
  readonly question: Question;
}

/** Bytes of SQL, and of parameters, that a record keeps; of longer ones the SHA-256. `extra` has 4 KB in all. */
const MOST_SQL = 2500;
const MOST_PARAMETERS = 1000;

/**
 * Where the store's `log-queries` is on: a record of who asks what, in an open segment of its own that the next writer seals. It lies there,
 * as cancelled, before the first row comes, and says how it ended once it has: killing the query is no way to ask
 * unseen. Throws LOG_QUERIES where that can't be written.
 */
export function beginLogged(store: Store, by: AskedBy): Logged | undefined {
  if (readSettings(store.at)['log-queries'] === 'off') return undefined;
  const began = performance.now();
  let { question } = by;
  const record = (status: OwnRecord['status'], more: object): OwnRecord => ({
    operation: by.verb,
    status,
    latency: Math.round((performance.now() - began) * 1000),
    extra: { ...asked(question), ...more },
  });
  const own = orRefused(() => createOwn(store, by, record('cancelled', {})));
  return {
    batch: own.batch,
    asks(final) {
      question = final;
      orRefused(() => own.replace(record('cancelled', {})));
    },
    end(status, { rows, receipt }) {
      const digest = receipt === undefined ? {} : { receipt_sha256: hash('sha256', receipt) };
      own.replace(record(status, { rows, ...digest }));
    },
  };
}

function orRefused<T>(work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (!(cause instanceof AuditError) && !isUnwritable(cause)) throw cause;
    const why = cause instanceof Error ? cause.message : '';
    throw new AuditError('LOG_QUERIES', `queries of this store are logged, and this one can't be: ${why}`, {
      hint: "run as a user that may write the store and read its record key, or ask the store's owner",
      cause,
    });
  }
}

function asked({ sql, parameters, since, until }: Question): object {
  const clear = scrubbed(sql);
  const values = Object.entries(parameters).map(([name, value]) => [name, clearValue(name, value)]);
  const given = JSON.stringify(Object.fromEntries(values));
  return {
    ...(bytesOf(clear) > MOST_SQL ? { sql_sha256: hash('sha256', sql) } : { sql: clear }),
    ...(Buffer.byteLength(given) > MOST_PARAMETERS
      ? { parameters_sha256: hash('sha256', given) }
      : { parameters: Object.fromEntries(values) as object }),
    ...(since !== undefined && { since }),
    ...(until !== undefined && { until }),
  };
}

/** A parameter may be called like a secret. */
function clearValue(name: string, value: string): string {
  const clear = scrubbed(value);
  const member = JSON.stringify({ [name]: clear });
  return scrubbed(member) === member ? clear : '[removed:secret_name]';
}

const bytesOf = (text: string): number => Buffer.byteLength(JSON.stringify(text));
