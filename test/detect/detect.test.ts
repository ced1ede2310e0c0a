import assert from 'node:assert/strict';
import { test } from 'node:test';
import { detect, readFrom } from '../../src/detect/detect.ts';
import { AuditError } from '../../src/errors.ts';
import type { Asker } from '../../src/query/inquiry.ts';
import type { AuditRecord } from '../../src/record/schema.ts';
import { rulesIn } from '../../src/rules/read.ts';
import { eventId, withRecords } from '../asked.ts';
import { madeRule } from './rule.ts';

const ORIGIN = 'test.example/log';
const at = (minutes: number): string =>
  new Date(Date.UTC(2026, 4, 1) + minutes * 60_000).toISOString().replace('Z', '000Z');

const DENIED = `SELECT ts, ts AS from_ts, seq, event_id, output_tokens::DOUBLE AS value, NULL::DOUBLE AS usual, [user_id] AS entity, user_id, client_ip,
  api_key_id FROM records WHERE event_type = 'inference' AND status = 'denied'`;

const RECORDS: readonly Partial<AuditRecord>[] = [
  {
    ts: at(-5),
    event_type: 'auth',
    status: 'denied',
    auth_result: 'failure',
    user_id: 'ana',
    client_ip: '10.0.0.1',
  },
  ...[0, 1, 2, 3, 4, 5, 6, 7].map(m => ({
    ts: at(m),
    status: 'denied',
    user_id: 'ana',
    client_ip: `10.0.0.${1 + (m % 2)}`,
    output_tokens: m === 3 ? 70 : m,
  })),
  { ts: at(500), status: 'denied', user_id: 'bo', client_ip: '10.0.0.2' },
];

const rule = madeRule({ hits: DENIED, episode: 600, id: 'denied' });

test('an episode says who, when, how much, what the same user did at the door, and how its records are seen', () =>
  withRecords(RECORDS, async asker => {
    const { episodes, failed } = await detect(asker, [rule], { origin: ORIGIN });
    assert.deepEqual(failed, []);
    assert.deepEqual(
      episodes.map(e => [e.entity, e.from, e.hits]),
      [
        [{ user_id: 'bo' }, at(500), 1],
        [{ user_id: 'ana' }, at(0), 8],
      ],
    );
    assert.deepEqual(episodes[0]!.fired, { client_ip: '10.0.0.2' });
    const { door, id, ...ana } = episodes[1]!;
    assert.match(id, /^[0-9a-f]{32}$/);
    assert.deepEqual(ana, {
      rule: { id: 'denied', title: 'Rule denied', level: 'high' },
      entity: { user_id: 'ana' },
      from: at(0),
      firstHit: at(0),
      to: at(7),
      hits: 8,
      value: 70,
      events: [1, 2, 3, 6, 7, 8].map(eventId),
      show: `slmaudit search --since ${at(0)} --until ${at(7)}`,
    });
    // Its hits came from two addresses: only the user is the same.
    assert.deepEqual(
      [door.by, door.failed, door.says],
      ['user', 1, 'same user: 1 login failed in the 24h before'],
    );
  }));

test('an id is the same whenever it is asked for, and another one in another log', () =>
  withRecords(RECORDS, async asker => {
    const ids = async (options: Partial<Parameters<typeof detect>[2]> = {}): Promise<readonly string[]> =>
      (await detect(asker, [rule], { origin: ORIGIN, ...options })).episodes.map(e => e.id);
    const all = await ids();
    assert.deepEqual(await ids({ since: at(4), from: readFrom([rule], at(4)) }), all);
    assert.deepEqual(await ids({ since: at(400) }), all.slice(0, 1));
    assert.deepEqual(await ids({ known: f => (f.entity[0] === 'bo' ? undefined : { id: 'other' }) }), [
      'other',
    ]);
    assert.equal(
      (await ids({ origin: 'test.example/other' })).some(id => all.includes(id)),
      false,
    );
  }));

test('records are read from as far back as a rule compares, an episode may have begun and a door is looked at', () => {
  const rules = [
    madeRule({ hits: '', lookback: 3600, suppress: 600 }),
    madeRule({ hits: '', lookback: 60, episode: 7200 }),
  ];
  assert.equal(readFrom(rules, at(2000)), at(2000 - 60 - 10 - 24 * 60));
  assert.equal(readFrom(rules, undefined), undefined);
  assert.equal(readFrom(rules, '1970-01-01T00:00:09.000000Z'), '1970-01-01T00:00:00.000000Z');
});

test('a rule that can not be answered is named, the others run, and an episode is told of without its door; what is not its fault ends all', () =>
  withRecords(RECORDS, async asker => {
    const broken = [
      madeRule({ hits: 'SELECT nothing FROM records', id: 'no-column' }),
      madeRule({ hits: "SELECT * FROM read_csv('/etc/passwd')", id: 'files' }),
    ];
    const { episodes, failed } = await detect(asker, [broken[0]!, rule, broken[1]!], { origin: ORIGIN });
    assert.equal(episodes.length, 2);
    assert.deepEqual(
      failed.map(f => [f.rule.id, f.error.code]),
      [
        ['no-column', 'SQL_ERROR'],
        ['files', 'SQL_REFUSED'],
      ],
    );
    const slow: Asker = {
      keep: () => assert.fail(),
      all: (sql, parameters) =>
        parameters?.['subjects'] === undefined
          ? asker.all(sql, parameters)
          : Promise.reject(new AuditError('QUERY_TIMEOUT', 'the query took longer than it may')),
    };
    const late = await detect(slow, [rule], { origin: ORIGIN });
    assert.equal(late.doorless?.code, 'QUERY_TIMEOUT');
    assert.deepEqual(
      late.episodes.map(e => e.door.says),
      Array(2).fill('logins could not be looked at'),
    );
    const altered: Asker = {
      keep: () => assert.fail(),
      all: () => Promise.reject(new AuditError('PAYLOAD_ALTERED', 'not what was sealed', { exit: 1 })),
    };
    await assert.rejects(detect(altered, [rule], { origin: ORIGIN }), { code: 'PAYLOAD_ALTERED' });
  }));

test('a rule of Sigma is asked as it is compiled, with the records that made its hits as evidence', () =>
  withRecords(RECORDS, async asker => {
    const { rules, problems } = rulesIn([
      [
        'own.yml',
        `title: Denied again and again
correlation: { type: event_count, rules: [denied], group-by: [user_id], timespan: 10m, condition: { gte: 5 } }
level: critical
---
title: Denied
name: denied
logsource: { product: slmaudit, category: inference }
detection: { it: { status: denied }, condition: it }
`,
      ],
    ]);
    assert.deepEqual(problems, []);
    const { episodes } = await detect(asker, rules, { origin: ORIGIN });
    assert.deepEqual(
      episodes.map(e => ({
        entity: e.entity,
        from: e.from,
        firstHit: e.firstHit,
        value: e.value,
        events: e.events,
      })),
      [
        {
          entity: { user_id: 'ana' },
          from: at(0),
          firstHit: at(4),
          value: 8,
          events: [1, 2, 3, 6, 7, 8].map(eventId),
        },
      ],
    );
    assert.match(
      episodes[0]!.show,
      /^slmaudit search --since 2026-05-01T00:00:00.000000Z --until 2026-05-01T00:07:00.000001Z --where '/,
    );
  }));
