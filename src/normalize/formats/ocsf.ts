import type { Adapter } from '../adapter.ts';
import type { Draft } from '../draft.ts';
import { OWN_FILLS, readOwn } from './own.ts';

const ACTIVITIES: ReadonlyMap<unknown, string> = new Map([
  [1, 'logon'],
  [2, 'logoff'],
  [3, 'authentication_ticket'],
  [4, 'service_ticket_request'],
  [5, 'service_ticket_renew'],
  [6, 'preauth'],
]);

const AUTHENTICATION = 3002;
const API_ACTIVITY = 6003;
const CLASSES: ReadonlySet<unknown> = new Set([AUTHENTICATION, API_ACTIVITY]);

/**
 * Authentication and API Activity events of the Open Cybersecurity Schema Framework (ocsf/ocsf-schema, events/iam/authentication.json,
 * events/application/api_activity.json, 1.0 to 1.8), the latter with the profile ai_operation where a model answered. Our own export keeps in
 * `unmapped` what they have no attribute for.
 */
export const ocsf: Adapter = {
  name: 'ocsf',
  about: 'OCSF Authentication and API Activity events (classes 3002, 6003)',
  basis: 'documented',
  example:
    '{"class_uid":3002,"activity_id":1,"time":1777593607603,"status_id":1,"user":{"name":"ana","uid":"u-1"},"src_endpoint":{"ip":"192.0.2.7"},"auth_protocol":"OpenID","is_mfa":true}',
  fills: OWN_FILLS,
  recognizes: source => CLASSES.has(source.get('class_uid')),
  read(draft) {
    const isAuth = draft.peek('class_uid') === AUTHENTICATION;
    if (isAuth) draft.set('event_type', 'auth');
    // Where both are given, this one has the digits below a millisecond.
    draft.time('time_dt', 'time');
    if (draft.peek('time_dt') === undefined) draft.ignoreNumber('time');
    const isOurs = draft.peek('metadata.product.name') === 'slmaudit';
    if (isOurs) readOurs(draft, isAuth);
    else if (isAuth) draft.column('provider', 'metadata.product.name');
    if (!isAuth) readApi(draft);
    readWho(draft);
    draft.column('request_id', 'api.request.uid', 'http_request.uid', ...(isOurs ? [] : ['metadata.uid']));
    draft.column('trace_id', 'metadata.correlation_uid');
    if (isAuth) readLogon(draft);
    draft.column('status', 'status');
    readStatus(draft, { isAuth, isOurs });
    draft.column('error_type', 'status_detail', 'status_code');
    draft.ignoreValue('class_uid', AUTHENTICATION, API_ACTIVITY);
  },
};

/** An export of ours says more, and says it under our names; what the schema requires and it did not know says nothing. */
function readOurs(draft: Draft, isAuth: boolean): void {
  if (isAuth && draft.peek('activity_id') === 99) draft.column('operation', 'activity_name');
  for (const path of ['metadata.product.name', 'metadata.product.vendor_name'])
    draft.ignoreValue(path, 'slmaudit');
  draft.ignoreValue(
    'activity_name',
    draft.peek('api.operation') ?? null,
    draft.peek('metadata.event_code') ?? null,
  );
  draft.ignoreValue('category_uid', 3, 6);
  draft.ignoreValue('severity_id', 1);
  draft.ignoreNumber('duration');
  for (const path of ['api.operation', 'ai_model.name']) draft.ignoreValue(path, 'unknown');
  draft.ignoreValue('ai_model.ai_provider', 'Internal');
  draft.column('event_type', 'metadata.event_code');
  readOwn(draft, 'unmapped');
}

function readWho(draft: Draft): void {
  draft.column(
    'user_id',
    'user.name',
    'user.email_addr',
    'user.uid',
    'actor.user.name',
    'actor.user.email_addr',
    'actor.user.uid',
  );
  draft.column('api_key_id', 'user.credential_uid', 'actor.user.credential_uid');
  // The address as a uid: the keyed hash of one.
  draft.column('client_ip', 'src_endpoint.ip', 'src_endpoint.uid');
  draft.column('user_agent', 'http_request.user_agent');
  draft.column('session_id', 'session.uid', 'message_context.uid');
}

function readApi(draft: Draft): void {
  if (draft.record.event_type === undefined)
    draft.set('event_type', draft.peek('ai_model') === undefined ? 'access' : 'inference');
  draft.column('operation', 'api.operation');
  draft.ignoreValue('activity_id', 99);
  draft.column('endpoint', 'http_request.url.path');
  draft.column('http_status', 'http_response.code', 'api.response.code');
  draft.column('model', 'ai_model.name');
  draft.column('model_version', 'ai_model.version');
  draft.column('provider', 'ai_model.ai_provider');
  draft.column('input_tokens', 'message_context.prompt_tokens');
  draft.column('output_tokens', 'message_context.completion_tokens');
  draft.ignoreNumber('message_context.total_tokens');
}

function readLogon(draft: Draft): void {
  const activity = ACTIVITIES.get(draft.peek('activity_id'));
  if (activity !== undefined) {
    draft.set('operation', activity);
    draft.ignore('activity_id');
  }
  draft.column('auth_method', 'auth_protocol', 'logon_type');
  draft.column('mfa', 'is_mfa', 'mfa');
}

function readStatus(
  draft: Draft,
  { isAuth, isOurs }: { readonly isAuth: boolean; readonly isOurs: boolean },
): void {
  const status = draft.peek('status_id');
  if (status !== 1 && status !== 2) return;
  draft.take('status_id');
  const isGood = status === 1;
  if (isAuth && !isOurs) draft.set('auth_result', isGood ? 'success' : 'failure');
  draft.statusFromHttp();
  if (draft.record.status === undefined) draft.set('status', isGood ? 'ok' : isAuth ? 'denied' : 'error');
}
