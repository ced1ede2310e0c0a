import { microsOf } from '../record/time.ts';
import type { AuditRecord } from '../record/schema.ts';
import { type Form, isAddress, restOf, some, withRaw } from './form.ts';

const VERSION = '1.8.0';
const API_ACTIVITY = 6003;
const AUTHENTICATION = 3002;
const OTHER = 99;

/** Activities of Authentication, as our adapter of that name reads them. */
const LOGONS: Readonly<Record<string, number>> = {
  logon: 1,
  logoff: 2,
  authentication_ticket: 3,
  service_ticket_request: 4,
  service_ticket_renew: 5,
  preauth: 6,
};

const COMMON = [
  'event_id',
  'event_type',
  'ts',
  'source_id',
  'source_format',
  'status',
  'http_status',
  'error_type',
  'request_id',
  'trace_id',
  'session_id',
  'user_id',
  'api_key_id',
  'client_ip',
  'user_agent',
  'endpoint',
  'operation',
] as const;
const restOfApi = restOf([...COMMON]);
const restOfInference = restOf([
  ...COMMON,
  'model',
  'model_version',
  'provider',
  'input_tokens',
  'output_tokens',
]);
const restOfAuth = restOf([
  ...COMMON.filter(c => c !== 'http_status' && c !== 'endpoint'),
  'auth_method',
  'mfa',
]);

/**
 * OCSF events: Authentication (3002) of event_type auth, API Activity (6003) of all others, with the profile ai_operation where a model
 * answered. What the schema has no attribute for is in `unmapped`, which it leaves to us.
 */
export const ocsf: Form = {
  about: 'OCSF API Activity and Authentication events',
  line(record, seq) {
    const isAuth = record.event_type === 'auth';
    const isInference = record.event_type === 'inference';
    const event = { ...base(record, seq), ...(isAuth ? authOf(record) : apiOf(record, isInference)) };
    const rest = (isAuth ? restOfAuth : isInference ? restOfInference : restOfApi)(record);
    const { labels, extra } = record;
    const unmapped = withRaw(withRaw(JSON.stringify(rest), 'labels', labels), 'extra', extra);
    return withRaw(JSON.stringify(event), 'unmapped', unmapped === '{}' ? undefined : unmapped);
  },
};

function base(r: AuditRecord, seq: number | null): object {
  return {
    metadata: {
      version: VERSION,
      profiles: r.event_type === 'inference' ? ['datetime', 'ai_operation'] : ['datetime'],
      product: { name: 'slmaudit', vendor_name: 'slmaudit' },
      uid: r.event_id,
      sequence: seq ?? undefined,
      event_code: r.event_type,
      log_name: r.source_id,
      log_provider: r.source_format,
      correlation_uid: r.trace_id,
    },
    // Milliseconds; time_dt has the rest.
    time: Math.floor(microsOf(r.ts) / 1000),
    time_dt: r.ts,
    duration: r.latency_us === undefined ? undefined : Math.floor(r.latency_us / 1000),
    severity_id: 1,
    status_id: r.status === 'ok' ? 1 : r.status === 'unknown' ? 0 : 2,
    status: r.status,
    status_code: r.error_type,
    src_endpoint: endpointOf(r),
  };
}

function apiOf(r: AuditRecord, isInference: boolean): object {
  return {
    category_uid: 6,
    class_uid: API_ACTIVITY,
    activity_id: OTHER,
    activity_name: r.operation ?? r.event_type,
    type_uid: API_ACTIVITY * 100 + OTHER,
    actor:
      r.user_id === undefined && r.api_key_id === undefined ? { app_name: 'unknown' } : { user: userOf(r) },
    api: {
      operation: r.operation ?? 'unknown',
      request: some({ uid: r.request_id }),
    },
    http_request: some({
      user_agent: r.user_agent,
      url: some({ path: r.endpoint }),
    }),
    http_response: some({ code: r.http_status }),
    ...(isInference && {
      // Both are required there; a model of one's own is of the provider "Internal".
      ai_model: {
        ai_provider: r.provider ?? 'Internal',
        name: r.model ?? 'unknown',
        version: r.model_version,
      },
    }),
    message_context: some({
      uid: r.session_id,
      ...(isInference && {
        prompt_tokens: r.input_tokens,
        completion_tokens: r.output_tokens,
        total_tokens: totalOf(r),
      }),
    }),
  };
}

function totalOf({ input_tokens: input, output_tokens: output }: AuditRecord): number | undefined {
  return input === undefined && output === undefined ? undefined : (input ?? 0) + (output ?? 0);
}

function authOf(r: AuditRecord): object {
  const activity = LOGONS[r.operation ?? ''] ?? (r.operation === undefined ? 0 : OTHER);
  return {
    category_uid: 3,
    class_uid: AUTHENTICATION,
    activity_id: activity,
    activity_name: activity === OTHER ? r.operation : undefined,
    type_uid: AUTHENTICATION * 100 + activity,
    user: userOf(r),
    session: some({ uid: r.session_id }),
    http_request: some({ user_agent: r.user_agent, uid: r.request_id }),
    auth_protocol: r.auth_method,
    is_mfa: r.mfa,
  };
}

function userOf({ user_id: uid, api_key_id: credential }: AuditRecord): object {
  return { uid, credential_uid: credential };
}

function endpointOf({ client_ip: ip }: AuditRecord): object {
  if (ip === undefined) return { name: 'unknown' };
  return isAddress(ip) ? { ip } : { uid: ip };
}
