import type { Mac } from '../keys/hash.ts';

type Kind = 'api_key' | 'user_id' | 'client_ip';

const LABELS: Readonly<Record<Kind, Buffer>> = {
  api_key: Buffer.from('slmaudit/api_key/v1\0'),
  user_id: Buffer.from('slmaudit/user_id/v1\0'),
  client_ip: Buffer.from('slmaudit/client_ip/v1\0'),
};

const HASHED = /^hmac:[0-9a-f]{32}$/;
export const isHashed = (text: string): boolean => HASHED.test(text);

/** `hmac:` and 32 hex digits under the record key (SPEC 7); what is one already, in an exported line, stays. */
export function hashedIdentity(mac: Mac, kind: Kind, value: string): string {
  return isHashed(value) ? value : `hmac:${mac(LABELS[kind], Buffer.from(value, 'utf8')).slice(0, 32)}`;
}
