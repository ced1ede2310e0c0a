import type { JsonObject, JsonValue } from '../../record/json.ts';
import type { Adapter } from '../adapter.ts';

const TEXT =
  /^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) [A-Z]+ +\[org\.keycloak\.events\] \([^)]{1,100}\) ((?:type|operationType)=.*)$/s;
const PAIR = /([A-Za-z_]\w{0,63})=(?:"([^"]*)"|([^,]*))(?:, |$)/g;
const OTHER =
  /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} [A-Z]+ +\[(?:org\.keycloak|org\.jboss|io\.quarkus|org\.infinispan)[\w.]*\] /;

/** Longer than any event; the pattern's memory grows with what it reads. */
const MAX_LINE = 64 << 10;

/**
 * Keycloak's events: objects of the event store and of listeners (keycloak/keycloak, events/Event.java), and lines of the
 * jboss-logging listener, in whole or without quotes (elastic/integrations, packages/keycloak, versions 15 to 26). Text times
 * have no zone. A failed login of nobody has no userId, only the name that was typed.
 */
export const keycloak: Adapter = {
  name: 'keycloak',
  about: 'Keycloak events',
  basis: 'documented',
  example:
    '{"time":1777593607603,"type":"LOGIN_ERROR","realmId":"main","clientId":"chat","userId":null,"ipAddress":"192.0.2.7","error":"invalid_user_credentials","details":{"auth_method":"openid-connect","username":"ana"}}',
  fills: [
    'error_type',
    'request_id',
    'session_id',
    'user_id',
    'client_ip',
    'operation',
    'auth_method',
    'auth_result',
  ],
  fields(text) {
    const m = text.length > MAX_LINE ? null : TEXT.exec(text);
    if (!m) return OTHER.test(text) ? 'not_a_request' : undefined;
    const source: JsonObject = new Map<string, JsonValue>([['time', m[1]!]]);
    for (const [, name, quoted, bare] of m[2]!.matchAll(PAIR)) source.set(name!, quoted ?? bare ?? '');
    return source;
  },
  recognizes: source =>
    source.has('realmId') && source.has('time') && (source.has('type') || source.has('operationType')),
  read(draft) {
    draft.time('time');
    draft.column('request_id', 'id');
    for (const name of ['userId', 'clientId', 'sessionId', 'ipAddress', 'error'])
      draft.ignoreValue(name, 'null');
    draft.column('user_id', 'userId', 'authDetails.userId', 'details.username', 'username');
    draft.column('client_ip', 'ipAddress', 'authDetails.ipAddress');
    draft.column('session_id', 'sessionId', 'details.code_id', 'code_id');
    draft.column('auth_method', 'details.auth_method', 'auth_method');
    draft.column('error_type', 'error');
    if (draft.peek('operationType') !== undefined) {
      draft.set('event_type', 'admin');
      draft.column('operation', 'operationType');
      draft.set('status', draft.record.error_type === undefined ? 'ok' : 'error');
    } else {
      draft.set('event_type', 'auth');
      draft.column('operation', 'type');
      const failed = draft.record.operation?.endsWith('_ERROR') === true;
      draft.set('auth_result', failed ? 'failure' : 'success');
      draft.set('status', failed ? 'denied' : 'ok');
    }
    draft.drop('representation', 'redirect_uri', 'details.redirect_uri');
  },
};
