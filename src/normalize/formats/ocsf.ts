import type { Adapter } from '../adapter.ts';

const ACTIVITIES: ReadonlyMap<unknown, string> = new Map([
  [1, 'logon'],
  [2, 'logoff'],
  [3, 'authentication_ticket'],
  [4, 'service_ticket_request'],
  [5, 'service_ticket_renew'],
  [6, 'preauth'],
]);

/** Authentication events of the Open Cybersecurity Schema Framework (ocsf/ocsf-schema, events/iam/authentication.json, 1.0 to 1.8). */
export const ocsf: Adapter = {
  name: 'ocsf',
  about: 'OCSF Authentication events (class 3002)',
  basis: 'documented',
  example:
    '{"class_uid":3002,"activity_id":1,"time":1777593607603,"status_id":1,"user":{"name":"ana","uid":"u-1"},"src_endpoint":{"ip":"192.0.2.7"},"auth_protocol":"OpenID","is_mfa":true}',
  fills: [
    'error_type',
    'request_id',
    'trace_id',
    'session_id',
    'user_id',
    'client_ip',
    'user_agent',
    'operation',
    'provider',
    'auth_method',
    'auth_result',
    'mfa',
  ],
  recognizes: source => source.get('class_uid') === 3002,
  read(draft) {
    draft.set('event_type', 'auth');
    draft.time('time', 'time_dt');
    const activity = ACTIVITIES.get(draft.peek('activity_id'));
    if (activity !== undefined) {
      draft.set('operation', activity);
      draft.ignore('activity_id');
    }
    draft.column('user_id', 'user.name', 'user.email_addr', 'user.uid', 'actor.user.name', 'actor.user.uid');
    draft.column('client_ip', 'src_endpoint.ip');
    draft.column('user_agent', 'http_request.user_agent');
    draft.column('session_id', 'session.uid');
    draft.column('request_id', 'metadata.uid');
    draft.column('trace_id', 'metadata.correlation_uid');
    draft.column('provider', 'metadata.product.name');
    draft.column('auth_method', 'auth_protocol', 'logon_type');
    draft.column('mfa', 'is_mfa', 'mfa');
    const status = draft.peek('status_id');
    if (status === 1 || status === 2) {
      draft.take('status_id');
      draft.set('auth_result', status === 1 ? 'success' : 'failure');
      draft.set('status', status === 1 ? 'ok' : 'denied');
    }
    draft.column('error_type', 'status_detail', 'status_code');
    draft.ignoreValue('class_uid', 3002);
  },
};
