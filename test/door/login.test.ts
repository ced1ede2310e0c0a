import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { CHANGED_DOOR, FAILED_LOGIN, LOGIN, SUCCEEDED_LOGIN } from '../../src/door/login.ts';
import type { AuditRecord } from '../../src/record/schema.ts';
import { withRecords } from '../asked.ts';

type Made = Partial<AuditRecord>;

const failure = { auth_result: 'failure', status: 'denied' };
const success = { auth_result: 'success', status: 'ok' };

/** Auth events as adapters make them, and what they are. */
const EVENTS: readonly (readonly [told: string, event: Made])[] = [
  ['failed', { operation: 'LOGIN_ERROR', ...failure }],
  ['failed', { operation: 'user.session.start', ...failure }],
  ['failed', { operation: 'user.authentication.auth_via_mfa', ...failure }],
  ['failed', { operation: 'gd_auth_failed', ...failure }],
  ['failed', { status: 'denied' }],
  ['failed', { status: 'error', auth_result: 'wrong password' }],
  ['failed', { status: 'ok', auth_result: 'failure' }],
  ['succeeded', { operation: 'LOGIN', ...success }],
  ['succeeded', { operation: 'user.session.start', ...success }],
  ['succeeded', { status: 'ok' }],
  // Asked for a password, for a second factor, or for nothing.
  ['', { auth_result: 'challenge', status: 'denied', http_status: 401 }],
  ['', { operation: 'policy.evaluate_sign_on', auth_result: 'challenge', status: 'unknown' }],
  ['', { operation: 'login', auth_result: 'challenge', status: 'unknown' }],
  ['', { operation: 'user.authentication.auth_via_mfa', auth_result: 'skipped', status: 'unknown' }],
  ['', { status: 'unknown' }],
  // Told of the login itself.
  ['', { operation: 'user.authentication.auth_via_mfa', ...success }],
  ['', { operation: 'policy.evaluate_sign_on', ...failure }],
  // Of sessions that are, not of those that begin.
  ['', { operation: 'LOGOUT', ...success }],
  ['', { operation: 'LOGOUT_ERROR', ...failure }],
  ['', { operation: 'REFRESH_TOKEN_ERROR', ...failure }],
  ['', { operation: 'fertft', ...failure }],
  ['', { operation: 'INTROSPECT_TOKEN', ...success }],
  ['changed', { operation: 'user.mfa.factor.activate', ...success }],
  ['', { operation: 'user.mfa.factor.activate', ...failure }],
  ['changed', { event_type: 'admin', operation: 'api_key.created' }],
  ['', { event_type: 'admin', operation: 'api_key.created', status: 'denied' }],
  ['', { event_type: 'admin', operation: 'list' }],
];

test('a login has failed where the log says so or it was not served; a challenge is neither', async () => {
  await withRecords(
    EVENTS.map(([, event]) => ({ event_type: 'auth', operation: 'login', ...event })),
    async asker => {
      const rows =
        await asker.all(`SELECT CASE WHEN ${FAILED_LOGIN} THEN 'failed' WHEN ${SUCCEEDED_LOGIN} THEN 'succeeded'
        WHEN ${CHANGED_DOOR} THEN 'changed' ELSE '' END AS told FROM records ORDER BY event_id`);
      assert.deepEqual(
        rows.map((row, i) => [row['told'], EVENTS[i]![1]]),
        EVENTS,
      );
    },
  );
});

test('saved queries about logins mean the same by it', () => {
  for (const name of ['failed-logins', 'logins-after-failures'])
    assert.ok(readFileSync(`queries/${name}.sql`, 'utf8').includes(LOGIN), name);
});
