import type { Adapter } from '../adapter.ts';
import type { Draft } from '../draft.ts';

/** What a code says happened at the door (Auth0 Docs, "Log Event Type Codes"); others are told by their first letter. */
const METHODS: ReadonlyMap<string, string> = new Map([
  ['s', 'login'],
  ['f', 'login'],
  ['fp', 'password'],
  ['fu', 'password'],
  ['scoa', 'cross_origin'],
  ['fcoa', 'cross_origin'],
  ['seacft', 'authorization_code'],
  ['feacft', 'authorization_code'],
  ['seccft', 'client_credentials'],
  ['feccft', 'client_credentials'],
  ['sertft', 'refresh_token'],
  ['fertft', 'refresh_token'],
  ['ferrt', 'refresh_token'],
  ['ssa', 'silent'],
  ['fsa', 'silent'],
  ['sepft', 'password'],
  ['fepft', 'password'],
]);

const ADMIN = /^(?:sapi|fapi|mgmt_api_read|sdu|fdu|actions_|resource_cleanup|sys_)/;
const REFUSED =
  /^(?:f|limit_|pwd_leak|signup_pwd_leak|depnote|gd_auth_failed|gd_otp_rate|gd_recovery_failed|appi)/;
const GRANTED = /^(?:s[a-z_]*|gd_auth_succeed|gd_recovery_succeed|gd_enrollment_complete)$/;

/** Auth0 tenant logs, bare or wrapped by a log stream as `{log_id, data}`. */
export const auth0: Adapter = {
  name: 'auth0',
  about: 'Auth0 tenant logs',
  basis: 'seen',
  example:
    '{"log_id":"90020260501","data":{"date":"2026-05-01T00:00:07.603Z","type":"s","client_id":"c-1","ip":"192.0.2.7","user_id":"auth0|1","user_name":"ana@example.com","log_id":"90020260501"}}',
  fills: [
    'error_type',
    'request_id',
    'session_id',
    'user_id',
    'client_ip',
    'user_agent',
    'operation',
    'auth_method',
    'auth_result',
    'mfa',
  ],
  recognizes(source) {
    const data = source.get('data');
    if (source.has('log_id') && data instanceof Map) return data.has('type') && data.has('date');
    if (
      data instanceof Map &&
      data.has('client_id') &&
      data.has('date') &&
      data.has('type') &&
      data.has('ip')
    )
      return true;
    return source.has('log_id') && source.has('type') && source.has('date') && source.has('ip');
  },
  read(draft) {
    const at = draft.peek('data') instanceof Map ? 'data.' : '';
    draft.time(`${at}date`);
    draft.column('request_id', 'log_id', `${at}log_id`, `${at}_id`);
    if (draft.peek(`${at}log_id`) === draft.record.request_id) draft.ignore(`${at}log_id`);
    draft.column('user_id', `${at}user_name`, `${at}user_id`);
    draft.column('client_ip', `${at}ip`);
    draft.column('user_agent', `${at}user_agent`);
    draft.column('session_id', `${at}session_id`, `${at}details.session_id`);
    draft.column('operation', `${at}type`);
    readResult(draft);
    draft.column('error_type', `${at}details.error.type`, `${at}details.error.oauthError`);
    // Descriptions of Auth0 name users and addresses in prose.
    draft.drop(`${at}description`, `${at}details.request`, `${at}details.response`);
  },
};

function readResult(draft: Draft): void {
  const code = draft.record.operation ?? '';
  draft.set('event_type', ADMIN.test(code) ? 'admin' : 'auth');
  draft.set('auth_method', METHODS.get(code));
  if (code.startsWith('gd_auth_')) draft.set('mfa', code === 'gd_auth_succeed');
  if (REFUSED.test(code)) {
    draft.set('auth_result', 'failure');
    draft.set('status', 'denied');
  } else if (GRANTED.test(code)) {
    draft.set('auth_result', 'success');
    draft.set('status', 'ok');
  }
}
