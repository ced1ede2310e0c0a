import type { Adapter } from '../adapter.ts';
import type { Draft } from '../draft.ts';

/**
 * hoop's audit log of administration and its sessions (hoophq/hoop, gateway/api/openapi, AuditLog and Session). What was run in a
 * session is content and goes.
 */
export const hoop: Adapter = {
  name: 'hoop',
  about: 'hoop audit log entries and sessions',
  basis: 'seen',
  example:
    '{"id":"h-1","created_at":"2026-05-01T00:00:07Z","actor_subject":"auth0|1","actor_email":"ana@example.com","action":"create","resource_type":"connections","http_method":"POST","http_path":"/api/connections","http_status":201,"outcome":true,"client_ip":"192.0.2.7"}',
  fills: [
    'http_status',
    'request_id',
    'session_id',
    'user_id',
    'user_kind',
    'client_ip',
    'operation',
    'endpoint',
    'latency_us',
  ],
  recognizes: source =>
    isAudit(source) || (source.has('start_date') && source.has('connection') && source.has('org_id')),
  read(draft) {
    if (isAudit(draft.source)) readAudit(draft);
    else readSession(draft);
  },
};

const isAudit = (source: Draft['source']): boolean =>
  source.has('actor_subject') && source.has('http_path') && source.has('outcome');

function readAudit(draft: Draft): void {
  draft.set('event_type', 'admin');
  draft.time('created_at');
  draft.column('request_id', 'id');
  draft.column('user_id', 'actor_email', 'actor_subject');
  draft.column('client_ip', 'client_ip');
  draft.column('operation', 'action');
  draft.column('endpoint', 'http_path');
  draft.column('http_status', 'http_status');
  const outcome = draft.peek('outcome');
  draft.statusFromHttp();
  if (outcome === false && (draft.record.status ?? 'ok') === 'ok') draft.set('status', 'error');
  else if (outcome === true) draft.set('status', draft.record.status ?? 'ok');
  draft.drop('request_payload_redacted', 'error_message');
}

function readSession(draft: Draft): void {
  draft.set('event_type', 'access');
  draft.set('latency_us', draft.between('start_date', 'end_date'));
  draft.time('start_date');
  draft.column('request_id', 'id');
  draft.column('session_id', 'session_batch_id', 'correlation_id');
  draft.column('user_id', 'user', 'user_id', 'user_name');
  const kind = draft.peek('identity_type');
  if (kind === 'user') draft.set('user_kind', 'human');
  else if (kind === 'machine') draft.set('user_kind', 'service');
  draft.column('operation', 'verb', 'type');
  const code = draft.peek('exit_code');
  if (typeof code === 'number') draft.set('status', code === 0 ? 'ok' : 'error');
  draft.drop('script', 'event_stream', 'ai_analysis');
}
