import type { Adapter } from '../adapter.ts';
import type { Draft } from '../draft.ts';

const RESULTS: ReadonlyMap<unknown, readonly [result: string, status: string]> = new Map([
  ['SUCCESS', ['success', 'ok']],
  ['ALLOW', ['success', 'ok']],
  ['FAILURE', ['failure', 'denied']],
  ['DENY', ['failure', 'denied']],
  ['CHALLENGE', ['challenge', 'unknown']],
  ['SKIPPED', ['skipped', 'unknown']],
]);

/**
 * Okta's System Log (LogEvent of the System Log API). Some exporters write member names in lower case. The name people
 * know a user by is `actor.alternateId`; the first address of the chain is the caller's where the client has none.
 */
export const okta: Adapter = {
  name: 'okta',
  about: 'Okta System Log events',
  basis: 'seen',
  example:
    '{"published":"2026-05-01T00:00:07.603Z","eventType":"user.session.start","actor":{"alternateId":"ana@example.com","type":"User"},"client":{"ipAddress":"192.0.2.7"},"outcome":{"result":"SUCCESS"},"uuid":"u-1"}',
  fills: [
    'error_type',
    'request_id',
    'trace_id',
    'session_id',
    'user_id',
    'user_kind',
    'client_ip',
    'user_agent',
    'operation',
    'auth_method',
    'auth_result',
    'mfa',
  ],
  recognizes: source =>
    source.has('published') &&
    (source.has('eventType') || source.has('eventtype')) &&
    (source.has('actor') || source.has('outcome')),
  read(draft) {
    draft.time('published');
    draft.column('operation', 'eventType', 'eventtype');
    const event = draft.record.operation ?? '';
    draft.set(
      'event_type',
      /^user\.(?:session|authentication|mfa)\.|^policy\.evaluate|^app\.oauth2/.test(event) ? 'auth' : 'admin',
    );
    draft.column('user_id', 'actor.alternateId', 'actor.id');
    const kind = draft.peek('actor.type');
    if (kind === 'User') draft.set('user_kind', 'human');
    else if (kind === 'SystemPrincipal' || kind === 'PublicClientApp') draft.set('user_kind', 'service');
    draft.column('client_ip', 'client.ipAddress');
    if (draft.record.client_ip === undefined) firstOfChain(draft);
    draft.column('user_agent', 'client.userAgent.rawUserAgent');
    draft.column('request_id', 'uuid');
    draft.column('trace_id', 'transaction.id');
    for (const context of ['authenticationContext', 'authenticationcontext']) {
      draft.column('session_id', `${context}.externalSessionId`);
      draft.column('auth_method', `${context}.credentialType`, `${context}.authenticationProvider`);
    }
    if (event === 'user.authentication.auth_via_mfa') draft.set('mfa', true);
    readOutcome(draft);
  },
};

function readOutcome(draft: Draft): void {
  const result = draft.peek('outcome.result');
  const known = RESULTS.get(result);
  if (known) {
    draft.take('outcome.result');
    draft.set('auth_result', known[0]);
    draft.set('status', known[1]);
  }
  draft.column('error_type', 'outcome.reason');
}

function firstOfChain(draft: Draft): void {
  const chain = draft.peek('request.ipChain');
  const first = Array.isArray(chain) ? chain[0] : undefined;
  const address = first instanceof Map ? first.get('ip') : undefined;
  if (address !== undefined) draft.constant('client_ip', address);
}
