import type { Adapter } from '../adapter.ts';

/**
 * Audit logs of an OpenAI organization (OpenAI API reference, Administration, "Audit logs"): who changed which key, project or
 * user, and logins. Times are whole seconds. What the event changed stands under its own name and goes to `extra`.
 */
export const openaiAudit: Adapter = {
  name: 'openai-audit',
  about: 'OpenAI organization audit logs',
  basis: 'documented',
  example:
    '{"object":"organization.audit_log","id":"audit_log-1","type":"api_key.created","effective_at":1777593607,"actor":{"type":"session","session":{"user":{"id":"user-1","email":"ana@example.com"},"ip_address":"192.0.2.7","user_agent":"Mozilla/5.0"}}}',
  fills: [
    'error_type',
    'request_id',
    'user_id',
    'user_kind',
    'api_key_id',
    'client_ip',
    'user_agent',
    'operation',
    'provider',
    'auth_result',
  ],
  recognizes: source => source.get('object') === 'organization.audit_log',
  read(draft) {
    draft.time('effective_at');
    draft.column('request_id', 'id');
    draft.column('operation', 'type');
    draft.set('provider', 'openai');
    const event = draft.record.operation ?? '';
    const isDoor = /^log(?:in|out)\./.test(event);
    draft.set('event_type', isDoor ? 'auth' : 'admin');
    draft.column('user_id', 'actor.session.user.email', 'actor.api_key.user.email');
    draft.column(
      'user_id',
      'actor.session.user.id',
      'actor.api_key.user.id',
      'actor.api_key.service_account.id',
    );
    draft.column('api_key_id', 'actor.api_key.id');
    draft.column('client_ip', 'actor.session.ip_address');
    draft.column('user_agent', 'actor.session.user_agent');
    const kind = draft.peek('actor.api_key.type');
    if (draft.peek('actor.type') === 'session') draft.set('user_kind', 'human');
    else if (kind === 'service_account') draft.set('user_kind', 'service');
    else if (kind === 'user') draft.set('user_kind', 'api_key');
    const failed = event.endsWith('.failed');
    if (isDoor) draft.set('auth_result', failed ? 'failure' : 'success');
    draft.set('status', failed ? 'denied' : 'ok');
    draft.column('error_type', `${event}.error_code`);
    const about = draft.peek(event);
    // The event's name holds a dot, so its member is no path.
    const code = draft.source.get(event);
    if (about === undefined && code instanceof Map) {
      const error = code.get('error_code');
      if (typeof error === 'string' && draft.constant('error_type', error)) code.delete('error_code');
    }
    draft.ignoreValue('object', 'organization.audit_log');
  },
};
