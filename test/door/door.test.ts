import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Door, doorsOf, type Subject } from '../../src/door/door.ts';
import type { AuditRecord } from '../../src/record/schema.ts';
import { eventId, withRecords } from '../asked.ts';

type Made = Partial<AuditRecord>;

const at = (minutes: number): string => new Date(Date.UTC(2026, 4, 3) + minutes * 60_000).toISOString();
const NOON = 12 * 60;

const failed = (minutes: number, more: Made): Made => ({
  ts: at(minutes),
  event_type: 'auth',
  operation: 'login',
  auth_result: 'failure',
  status: 'denied',
  ...more,
});
const passed = (minutes: number, more: Made): Made => ({
  ...failed(minutes, more),
  auth_result: 'success',
  status: 'ok',
  ...more,
});
const did = (minutes: number, operation: string, more: Made): Made => ({
  ts: at(minutes),
  event_type: 'admin',
  operation,
  ...more,
});

const ana = { user_id: 'ana', client_ip: '198.51.100.7' };
const HASHED = { user_id: 'a1'.repeat(32), client_ip: 'b2'.repeat(32) };

interface Case {
  readonly name: string;
  readonly events: readonly Made[];
  readonly subject: Omit<Subject, 'key' | 'at'>;
  readonly door: Partial<Door>;
}

const CASES: readonly Case[] = [
  {
    name: 'the same user from the same address comes before all else',
    events: [
      failed(NOON - 20, ana),
      failed(NOON - 19, ana),
      passed(NOON - 18, { ...ana, mfa: false }),
      failed(NOON - 10, { user_id: 'ana', client_ip: '10.0.0.1' }),
      failed(NOON - 9, { user_id: 'bo', client_ip: ana.client_ip }),
    ],
    subject: { ...ana, api_key_id: 'k' },
    door: {
      by: 'user+address',
      sure: 'high',
      failed: 2,
      succeeded: 1,
      without_mfa: 1,
      admin: 0,
      last: { ts: '2026-05-03T11:42:00.000000Z', event_id: eventId(2), what: 'login' },
      says: 'same user, same address: 2 logins failed, 1 succeeded (1 without a second factor) in the 24h before; 1 more failed from this address',
    },
  },
  {
    name: 'a key before the user elsewhere',
    events: [
      did(NOON - 30, 'api_key.created', { api_key_id: 'k', user_id: 'root' }),
      passed(NOON - 5, { user_id: 'ana', client_ip: '10.0.0.1' }),
    ],
    subject: { ...ana, api_key_id: 'k' },
    door: {
      by: 'key',
      sure: 'high',
      succeeded: 0,
      admin: 1,
      says: 'same key: 1 change of keys, factors or settings in the 24h before',
    },
  },
  {
    name: 'a user from elsewhere',
    events: [passed(NOON - 5, { user_id: 'ana', client_ip: '10.0.0.1', mfa: true })],
    subject: ana,
    door: {
      by: 'user',
      sure: 'medium',
      succeeded: 1,
      without_mfa: 0,
      says: 'same user: 1 login succeeded in the 24h before',
    },
  },
  {
    name: 'an address that tried many accounts is not one that many share',
    events: ['u1', 'u2', 'u3', 'u4', 'u5'].map((user_id, i) => failed(NOON - 9 + i, { ...ana, user_id })),
    subject: { client_ip: ana.client_ip },
    door: {
      by: 'address',
      sure: 'medium',
      failed: 5,
      says: 'same address: 5 logins failed in the 24h before',
    },
  },
  {
    name: 'an address from which more than three work says little',
    events: [
      ...['u1', 'u2', 'u3', 'u4'].map((user_id, i) => ({
        ts: at(NOON - 90 + i),
        client_ip: ana.client_ip,
        user_id,
      })),
      failed(NOON - 9, { client_ip: ana.client_ip, user_id: 'bo' }),
    ],
    subject: ana,
    door: {
      by: 'address',
      sure: 'low',
      failed: 1,
      says: 'same address, which many share: 1 login failed in the 24h before',
    },
  },
  {
    name: 'neither what came later nor what came too long before, to the microsecond',
    events: [
      failed(NOON - 24 * 60 - 1, ana),
      failed(NOON - 24 * 60, ana),
      failed(NOON, ana),
      passed(NOON + 1, ana),
    ],
    subject: ana,
    door: {
      by: 'user+address',
      failed: 1,
      succeeded: 0,
      last: { ts: '2026-05-02T12:00:00.000000Z', event_id: eventId(1), what: 'login failed' },
    },
  },
  {
    name: 'events of one time count all',
    events: [failed(NOON - 1, ana), failed(NOON - 1, ana), passed(NOON - 1, ana)],
    subject: ana,
    door: { failed: 2, succeeded: 1 },
  },
  {
    name: 'hashed users and addresses are compared as they are stored',
    events: [failed(NOON - 1, HASHED), failed(NOON - 1, ana)],
    subject: HASHED,
    door: { by: 'user+address', failed: 1 },
  },
  {
    name: 'a new factor is a change, the end of a session or a look at a policy no login, and a refused act no act',
    events: [
      passed(NOON - 9, { ...ana, operation: 'user.mfa.factor.activate' }),
      passed(NOON - 8, { ...ana, operation: 'user.session.end' }),
      passed(NOON - 8, { ...ana, operation: 'LOGOUT' }),
      passed(NOON - 8, { ...ana, operation: 'policy.evaluate_sign_on' }),
      passed(NOON - 7, { ...ana, operation: 'UPDATE_TOTP' }),
      passed(NOON - 7, { ...ana, operation: 'gd_enrollment_complete' }),
      did(NOON - 6, 'api_key.created', ana),
      did(NOON - 5, 'api_key.created', { ...ana, status: 'denied' }),
      did(NOON - 5, 'list', ana),
      did(NOON - 5, 'query', { ...ana, source_format: 'slmaudit' }),
    ],
    subject: ana,
    door: {
      failed: 0,
      succeeded: 0,
      admin: 4,
      says: 'same user, same address: 4 changes of keys, factors or settings in the 24h before',
    },
  },
  {
    name: 'nothing by what is there',
    events: [failed(NOON - 1, { user_id: 'bo', client_ip: '10.0.0.9' })],
    subject: ana,
    door: {
      by: 'none',
      sure: 'low',
      failed: 0,
      says: 'no login of the same user, address in the 24h before',
    },
  },
  {
    name: 'nobody to look for',
    events: [failed(NOON - 1, { operation: 'login' })],
    subject: {},
    door: { by: 'none', says: 'no user, address or key to look for' },
  },
  {
    name: 'a store without logins says so',
    events: [{ ts: at(NOON - 1), ...ana }],
    subject: ana,
    door: { by: 'none', says: 'no logins are recorded here' },
  },
];

test('doors by what a subject shares with auth events', async t => {
  for (const { name, events, subject, door } of CASES)
    await t.test(name, () =>
      withRecords(events, async asker => {
        const found = (await doorsOf(asker, [{ key: 'x', at: at(NOON), ...subject }], '24h')).get('x')!;
        assert.deepEqual(Object.fromEntries(Object.keys(door).map(k => [k, found[k as keyof Door]])), door);
        if (door.by === 'none') assert.equal(found.last, undefined);
      }),
    );
});

test('many subjects are looked up at once, each with its own time', async () => {
  const events = Array.from({ length: 60 }, (_, i) => failed(i, ana));
  const subjects = [10, 30, 70].map(m => ({ key: String(m), at: at(m), ...ana }));
  await withRecords(events, async asker => {
    const doors = await doorsOf(asker, [...subjects, { key: 'nobody', at: at(5) }], '20m');
    const counts = Object.fromEntries([...doors].map(([key, d]) => [key, d.failed]));
    assert.deepEqual(counts, { 10: 10, 30: 20, 70: 10, nobody: 0 });
  });
  assert.equal((await doorsOf({ all: () => assert.fail() }, [], '24h')).size, 0);
});
