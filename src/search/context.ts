import { AuditError } from '../errors.ts';
import type { Cell } from '../duck/job.ts';
import { query, type Question, type QueryOptions } from '../query/query.ts';
import type { Store } from '../store/store.ts';

export const SAME = {
  user: 'user_id',
  ip: 'client_ip',
  session: 'session_id',
  prompt: 'prompt_hash',
  key: 'api_key_id',
} as const;

export type Same = keyof typeof SAME;

export interface Around {
  readonly before: number;
  readonly after: number;
  readonly same: readonly Same[];
  readonly columns: readonly string[] | undefined;
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * The records just before and behind one in time, that share some of its values: a question whose rows have the distance to it
 * first, 0 for the record itself. `name`: an event id or a seq. Throws NO_SUCH_RECORD, NOTHING_SHARED.
 */
export async function contextQuestion(
  store: Store,
  name: string,
  around: Around,
  options: QueryOptions,
): Promise<Pick<Question, 'sql' | 'parameters'>> {
  return questionAround(await find(store, name, options), around);
}

/** `it`: the columns that it has of event_id, seq, ts and those of SAME. Throws NOTHING_SHARED. */
export function questionAround(
  it: Readonly<Record<string, string>>,
  around: Around,
): Pick<Question, 'sql' | 'parameters'> {
  const parameters: Record<string, string> = { ts: it['ts']!, id: it['event_id']! };
  const shared = around.same.map(same => {
    const value = it[SAME[same]];
    if (value === undefined)
      throw new AuditError('NOTHING_SHARED', `that record has no ${SAME[same]}`, {
        hint: 'leave out --same, or name something it has',
      });
    parameters[same] = value;
    return `${SAME[same]} = $${same}`;
  });
  const others = [...shared, 'event_id <> $id'].join(' AND ');
  // Of records of one instant, those of another place in the log are taken as before it or behind it by that.
  const place = `coalesce(seq, 9007199254740991)`;
  const own = it['seq'] ?? '9007199254740991';
  const columns = around.columns?.map(c => `"${c}"`).join(', ') ?? '*';
  const near = (sign: '<' | '>', count: number): string => {
    const order = sign === '<' ? 'DESC' : 'ASC';
    const at = sign === '<' ? `-row_number()` : 'row_number()';
    return `SELECT ${at} OVER (ORDER BY ts ${order}, ${place} ${order}, event_id ${order}) AS away, * FROM (
    SELECT * FROM records WHERE ${others} AND ts ${sign}= $ts AND (ts ${sign} $ts OR ${place} ${sign}${sign === '>' ? '=' : ''} ${own})
    ORDER BY ts ${order}, ${place} ${order}, event_id ${order} LIMIT ${count})`;
  };
  const sql = `SELECT away, ${columns} FROM (
  (${near('<', around.before)}) UNION ALL BY NAME
  (SELECT 0 AS away, * FROM records WHERE event_id = $id AND ts = $ts) UNION ALL BY NAME
  (${near('>', around.after)}))
ORDER BY away`;
  return { sql, parameters };
}

/** What is asked to know where that record stands. Throws NO_SUCH_RECORD for what names none. */
export function placeQuestion(name: string): Question {
  const id = name.toLowerCase();
  const isSeq = /^\d{1,15}$/.test(id);
  if (!isSeq && !UUID.test(id)) throw noSuchRecord(name);
  const sql = `SELECT ${PLACED.join(', ')} FROM records WHERE ${isSeq ? 'seq = $name::BIGINT' : 'event_id = $name'} LIMIT 1`;
  return { sql, parameters: { name: id } };
}

const PLACED = ['event_id', 'seq', 'ts', ...Object.values(SAME)];

async function find(store: Store, name: string, options: QueryOptions): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  let names: readonly string[] = [];
  await query(store, placeQuestion(name), options, {
    columns: all => {
      names = all.map(c => c.name);
    },
    rows: rows => {
      for (const [i, column] of names.entries()) {
        const cell: Cell = rows[0]?.[i] ?? null;
        if (cell !== null) found[column] = typeof cell === 'string' ? cell : JSON.stringify(cell);
      }
      return true;
    },
    end: () => undefined,
  });
  if (found['event_id'] === undefined) throw noSuchRecord(name);
  return found;
}

const noSuchRecord = (name: string): AuditError =>
  new AuditError('NO_SUCH_RECORD', `no record is called ${name.slice(0, 60)}`, {
    hint: 'give an event id, or a seq as `slmaudit search` prints it',
  });
