import type { Cell } from '../duck/job.ts';
import type { Asker } from '../query/inquiry.ts';
import { DOORS_SQL } from './sql.ts';
import { saysOf } from './says.ts';

/** Whose logins are looked for: what stands in a record, and the time before which. */
export interface Subject {
  readonly key: string;
  /** When it began: only what came before that time counts. */
  readonly at: string;
  readonly user_id?: string;
  readonly client_ip?: string;
  readonly api_key_id?: string;
}

/** What the same user, key or address did at the door before: logins, keys made, factors added. */
export interface Door {
  /** By what auth events were found, best first; none: nothing found, or nothing to join by. */
  readonly by: 'user+address' | 'key' | 'user' | 'address' | 'none';
  /** user+address and key: high; user: medium; address: low where more than 3 users share it, else medium. */
  readonly sure: 'high' | 'medium' | 'low';
  readonly failed: number;
  readonly succeeded: number;
  /** Of those that succeeded, the ones whose record says that no second factor was used. */
  readonly without_mfa: number;
  /** Keys made, factors added, and other acts of administration that were not refused. */
  readonly admin: number;
  /** The nearest one before. `what` is the log's own word for it. */
  readonly last?: { readonly ts: string; readonly event_id: string; readonly what: string };
  /** One sentence for people, without anything from the log in it. */
  readonly says: string;
}

/**
 * Doors by the keys of their subjects. Users and addresses are compared as they are stored: hashed ones with hashed ones.
 * `before`: how far back, such as `24h`. Throws what the asker throws.
 */
export async function doorsOf(
  asker: Pick<Asker, 'all'>,
  subjects: readonly Subject[],
  before: string,
): Promise<ReadonlyMap<string, Door>> {
  const doors = new Map<string, Door>();
  if (subjects.length === 0) return doors;
  const asked = subjects.map(({ key, at, user_id, client_ip, api_key_id }) => ({
    key,
    began: at,
    u: user_id,
    a: client_ip,
    k: api_key_id,
  }));
  const rows = await asker.all(DOORS_SQL, {
    subjects: JSON.stringify(asked),
    seconds: String(secondsOf(before)),
  });
  const byKey = new Map(subjects.map(s => [s.key, s]));
  for (const row of rows) {
    const subject = byKey.get(row['key'] as string);
    if (subject) doors.set(subject.key, doorOf(row, subject, before));
  }
  return doors;
}

const KINDS = ['user+address', 'key', 'user', 'address'] as const;
/** How sure a join is; an address that many share is less. */
const SURE = { 'user+address': 'high', key: 'high', user: 'medium', address: 'medium', none: 'low' } as const;

function doorOf(row: Readonly<Record<string, Cell>>, subject: Subject, before: string): Door {
  const by = KINDS.find(kind => kind === row['kind']) ?? 'none';
  const isShared = Number(row['users'] ?? 0) > 3;
  const found = {
    by,
    sure: by === 'address' && isShared ? 'low' : SURE[by],
    failed: countOf(row['failed']),
    succeeded: countOf(row['succeeded']),
    without_mfa: countOf(row['without_mfa']),
    admin: countOf(row['admin']),
    ...(by !== 'none' && { last: row['last'] as unknown as NonNullable<Door['last']> }),
  } as const;
  const others =
    countOf(row['at_address']) - (by === 'address' ? found.failed : countOf(row['own_at_address']));
  const says = saysOf(found, subject, { before, others, isKept: row['kept'] === true });
  return { ...found, says };
}

const countOf = (cell: Cell | undefined): number => Number(cell ?? 0);

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

function secondsOf(span: string): number {
  const [, n, unit] = /^(\d{1,6})([smhdw])$/.exec(span) ?? [];
  if (n === undefined) throw new TypeError(`"${span}" is no span`);
  return Number(n) * UNITS[unit!]!;
}
