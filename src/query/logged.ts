import { hash, randomBytes } from 'node:crypto';
import { AuditError } from '../errors.ts';
import { createMac } from '../keys/hash.ts';
import { eventIds } from '../normalize/event.ts';
import { scannerOf } from '../normalize/secrets.ts';
import { canonicalLine } from '../record/canonical.ts';
import { type AuditRecord, SCHEMA_VERSION } from '../record/schema.ts';
import { createFile, isCode, replaceFile } from '../store/durable.ts';
import { headerFrame, markFrame, recordFrame, sourceFrame } from '../store/frame.ts';
import { readRecordKeys } from '../store/keys.ts';
import { openFile } from '../store/layout.ts';
import { newHeader } from '../store/open.ts';
import { readSettings } from '../store/settings.ts';
import type { Store } from '../store/store.ts';
import type { Question } from './query.ts';

export interface Logged {
  end(
    status: 'ok' | 'error' | 'cancelled',
    more: { readonly rows: number; readonly receipt?: string | undefined },
  ): void;
}

export interface Asker {
  readonly verb: string;
  readonly question: Question;
  readonly user: string;
  /** As records have times. */
  readonly at: string;
}

/** Characters of SQL that a record keeps; of longer ones the SHA-256. */
const MOST_SQL = 2000;
const SOURCE = 'slmaudit';

/**
 * Where the store's `log-queries` is on: a record of who asks what, in an open segment of its own that the next writer seals. It lies there,
 * as cancelled, before the first row comes, and says how it ended once it has: killing the query is no way to ask
 * unseen. Throws LOG_QUERIES where that can't be written.
 */
export function beginLogged(store: Store, asker: Asker): Logged | undefined {
  if (readSettings(store.at)['log-queries'] === 'off') return undefined;
  try {
    const key = readRecordKeys(store.keys)[0]!;
    const header = newHeader(store);
    const path = openFile(store.at, header.batch, 'open');
    const stream = randomBytes(16).toString('hex');
    const eventId = eventIds({ mac: createMac(key.key), sourceId: SOURCE, stream });
    const began = performance.now();
    const content = (status: 'ok' | 'error' | 'cancelled', more: object): string => {
      const record = recordOf(asker, status, more, Math.round((performance.now() - began) * 1000));
      const line = canonicalLine({ ...record, event_id: eventId(0, 0, Buffer.from(asker.at)) });
      return [
        headerFrame(header),
        sourceFrame(0, { name: SOURCE, stream, kind: 'pipe', from: 0 }),
        recordFrame(0, 1, line),
        markFrame(0, 1, { read: 1, blank: 0, not_a_request: 0, part: 0 }),
      ].join('');
    };
    createFile(path, content('cancelled', {}), 0o600);
    return {
      end(status, { rows, receipt }) {
        const digest = receipt === undefined ? {} : { receipt_sha256: hash('sha256', receipt) };
        replaceFile(path, content(status, { rows, ...digest }), 0o600);
      },
    };
  } catch (cause) {
    if (!(cause instanceof AuditError) && !isCode(cause, 'EACCES', 'EROFS', 'EPERM', 'ENOSPC', 'EDQUOT'))
      throw cause;
    const why = cause instanceof Error ? cause.message : '';
    throw new AuditError('LOG_QUERIES', `queries of this store are logged, and this one can't be: ${why}`, {
      hint: "run as a user that may write the store and read its record key, or ask the store's owner",
      cause,
    });
  }
}

function recordOf(
  { verb, question, user, at }: Asker,
  status: 'ok' | 'error' | 'cancelled',
  more: object,
  latency: number,
): Omit<AuditRecord, 'event_id'> {
  const scanner = scannerOf([]);
  const clear = (text: string): string => scanner.scrub(text).text;
  const { sql, parameters, since, until } = question;
  const long = sql.length > MOST_SQL ? { sql_sha256: hash('sha256', sql) } : { sql: clear(sql) };
  const given = Object.fromEntries(Object.entries(parameters).map(([name, value]) => [name, clear(value)]));
  const size = JSON.stringify(given);
  const kept =
    size.length > MOST_SQL / 2 ? { parameters_sha256: hash('sha256', size) } : { parameters: given };
  return {
    v: SCHEMA_VERSION,
    event_type: 'admin',
    ts: at,
    ts_quality: 'exact',
    source_id: SOURCE,
    source_format: 'slmaudit',
    status,
    user_id: user,
    user_kind: 'human',
    operation: verb,
    latency_us: latency,
    extra: JSON.stringify({ ...long, ...kept, ...(since && { since }), ...(until && { until }), ...more }),
  };
}
