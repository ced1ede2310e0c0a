import type { JsonObject } from '../../record/json.ts';
import type { Adapter } from '../adapter.ts';

/** OpenSSH from 9.8 on answers a connection in a process of its own, sshd-session; from 10.0 sshd-auth asks for the password. */
const TAGS: ReadonlySet<string> = new Set(['sshd', 'sshd-session', 'sshd-auth']);

const LOGIN =
  /^(?:message repeated (\d{1,6}) times: \[ )?(Accepted|Failed|Postponed|Partial) ([\w/-]{1,40}) for (invalid user )?(\S{0,128}) from (\S{1,64}) port (\d{1,5})\b/;
const UNKNOWN = /^Invalid user (\S{0,128}) from (\S{1,64})(?: port (\d{1,5}))?$/;
const CLOSED =
  /^(Connection closed by|Connection reset by|Disconnected from) (authenticating |invalid )user (\S{0,128}) (\S{1,64}) port (\d{1,5})\b/;

/**
 * What sshd says about logins (openssh/openssh-portable, auth.c auth_log() and packet.c), carried by syslog or journald.
 * In a journal only what root wrote counts: any user can say `logger -t sshd`.
 */
export const sshd: Adapter = {
  name: 'sshd',
  about: 'OpenSSH logins, from syslog or journald',
  basis: 'documented',
  example:
    '2026-05-01T00:00:07+00:00 web1 sshd[4711]: Failed password for invalid user admin from 192.0.2.7 port 50022 ssh2',
  fills: ['error_type', 'user_id', 'client_ip', 'operation', 'auth_method', 'auth_result'],
  fields(text, wrapping) {
    if (!wrapping || !TAGS.has(wrapping.tag ?? '')) return undefined;
    if (wrapping.by === 'journald' && wrapping.uid !== '0') return undefined;
    return login(text) ?? unknownUser(text) ?? closed(text) ?? 'not_a_request';
  },
  read(draft) {
    draft.set('event_type', 'auth');
    draft.set('operation', 'login');
    draft.column('user_id', 'user');
    draft.column('client_ip', 'ip');
    draft.column('auth_method', 'method');
    const result = draft.take('result');
    draft.set(
      'auth_result',
      result === 'Accepted' ? 'success' : result === 'Failed' ? 'failure' : 'challenge',
    );
    draft.set('status', result === 'Accepted' ? 'ok' : result === 'Failed' ? 'denied' : 'unknown');
    draft.column('error_type', 'error');
  },
};

const members = (pairs: Record<string, string | undefined>): JsonObject =>
  new Map(
    Object.entries(pairs).filter((pair): pair is [string, string] => pair[1] !== undefined && pair[1] !== ''),
  );

function login(text: string): JsonObject | undefined {
  const m = LOGIN.exec(text);
  if (!m) return undefined;
  const [, repeated, result, method, invalid, user, ip, port] = m;
  return members({ result, method, user, ip, port, repeated, error: invalid && 'invalid_user' });
}

function unknownUser(text: string): JsonObject | undefined {
  const m = UNKNOWN.exec(text);
  return m
    ? members({ result: 'Failed', user: m[1], ip: m[2], port: m[3], error: 'invalid_user' })
    : undefined;
}

/** Someone gave up before a password was right. */
function closed(text: string): JsonObject | undefined {
  const m = CLOSED.exec(text);
  if (!m) return undefined;
  const error = m[2] === 'invalid ' ? 'invalid_user' : 'closed_before_login';
  return members({ result: 'Failed', user: m[3], ip: m[4], port: m[5], error });
}
