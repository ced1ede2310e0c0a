import type { Door, Subject } from './door.ts';

export interface Around {
  /** As `24h`. */
  readonly before: string;
  /** Failures at the same address that the join didn't count. */
  readonly others: number;
  /** Are there auth events in what was asked? */
  readonly isKept: boolean;
}

const WHO: Readonly<Record<Exclude<Door['by'], 'none'>, string>> = {
  'user+address': 'same user, same address',
  key: 'same key',
  user: 'same user',
  address: 'same address',
};

/** `same user, same address: 12 logins failed, 1 succeeded, 1 change of keys or factors in the 24h before`. */
export function saysOf(
  found: Omit<Door, 'says'>,
  subject: Subject,
  { before, others, isKept }: Around,
): string {
  const { by, sure, failed, succeeded, without_mfa: alone, admin } = found;
  if (by === 'none') {
    const { user_id: user, client_ip: address, api_key_id: key } = subject;
    if ((user ?? address ?? key) === undefined) return 'no user, address or key to look for';
    if (!isKept) return 'no logins are recorded here';
    const looked = [
      user !== undefined && 'user',
      address !== undefined && 'address',
      key !== undefined && 'key',
    ];
    return `no login of the same ${looked.filter(Boolean).join(', ')} in the ${before} before`;
  }
  const parts = [
    failed > 0 ? `${logins(failed)} failed` : undefined,
    succeeded > 0
      ? `${failed > 0 ? succeeded : logins(succeeded)} succeeded${alone > 0 ? ` (${alone} without a second factor)` : ''}`
      : undefined,
    admin > 0 ? `${admin} ${admin === 1 ? 'change' : 'changes'} of keys, factors or settings` : undefined,
  ].filter(part => part !== undefined);
  const shared = by === 'address' && sure === 'low' ? ', which many share' : '';
  const more = others > 0 ? `; ${others} more failed from this address` : '';
  return `${WHO[by]}${shared}: ${parts.join(', ')} in the ${before} before${more}`;
}

const logins = (n: number): string => `${n} ${n === 1 ? 'login' : 'logins'}`;
