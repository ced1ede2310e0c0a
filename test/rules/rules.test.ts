import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { rulesTestCommand } from '../../src/cli/commands/rules.ts';
import { rulesIn } from '../../src/rules/read.ts';
import { isGood, tryRules } from '../../src/rules/try.ts';
import { nativeLine, withStore } from '../sandbox.ts';

const EXAMPLE = rulesTestCommand.file!.lines.join('\n');

test('the rule that --help shows is one, and its test holds', async () => {
  const { rules, problems } = rulesIn([['it.yml', EXAMPLE]]);
  assert.deepEqual(problems, []);
  const outcomes = await tryRules(rules);
  assert.deepEqual([outcomes.length, outcomes.every(isGood)], [1, true]);
});

const THREE = `title: Three failures of a user
id: three
name: three-failures
level: high
correlation: { type: event_count, rules: [failure], group-by: [user_id], timespan: 1m, condition: { gte: 3 } }
slmaudit:
  episode: 10m
  suppress: 1h
  tests:
    - name: three, three within the hour, three behind it
      events:
        - { ts: 2026-05-01T00:00:00Z, user_id: 'u{n:3}', status: error }
        - { ts: 2026-05-01T00:00:00Z, user_id: ann, status: error, repeat: 4, every: 10s }
        - { ts: 2026-05-01T00:40:00Z, user_id: ann, status: error, repeat: 3, every: 10s }
        - { ts: 2026-05-01T02:00:00Z, user_id: ann, status: error, repeat: 3, every: 30s }
        - { ts: 2026-05-01T05:00:00Z, user_id: bob, status: error, repeat: 3, every: 31s }
      hits:
        - { user_id: ann, at: 2026-05-01T00:00:20Z }
        - { user_id: ann, at: 2026-05-01T02:01:00Z }
---
title: A failure
name: failure
logsource: { product: slmaudit, category: inference }
detection: { s: { status: error }, condition: s }
`;

test('an expectation that fails says what was expected and what was found', async () => {
  const told = (yaml: string): Promise<Awaited<ReturnType<typeof tryRules>>> => {
    const { rules, problems } = rulesIn([['it.yml', yaml]]);
    assert.deepEqual(problems, []);
    return tryRules(rules);
  };
  assert.deepEqual((await told(THREE)).map(isGood), [true]);
  const [later] = await told(THREE.replace('at: 2026-05-01T00:00:20Z', 'at: 2026-05-01T00:00:30Z'));
  assert.deepEqual(
    later!.missing.map(m => m.at),
    ['2026-05-01T00:00:30.000Z'],
  );
  assert.deepEqual(
    later!.unexpected.map(e => [e.firstHit, e.hits]),
    [['2026-05-01T00:00:20.000000Z', 2]],
  );
  const [shorter] = await told(THREE.replace('suppress: 1h', 'suppress: 10m'));
  assert.deepEqual(
    shorter!.unexpected.map(e => e.firstHit),
    ['2026-05-01T00:40:20.000000Z'],
  );
  const [broken] = await told(
    THREE.replace(
      'status: error }\n        - { ts: 2026-05-01T00:00:00Z, user_id: ann',
      'input_tokens: many }\n        - { ts: 2026-05-01T00:00:00Z, user_id: ann',
    ),
  );
  assert.match(broken!.error ?? '', /many/);
});

test('rules of a folder are linted, tried, shown and asked of a store', () =>
  withStore(async box => {
    const own = box.path('.config', 'slmaudit', 'rules');
    mkdirSync(own, { recursive: true });
    const folder = box.path('rules');
    mkdirSync(folder);
    writeFileSync(`${own}/three.yml`, THREE);
    writeFileSync(
      `${folder}/wrong.yml`,
      'title: "\\e[31mred"\nlogsource: { product: slmaudit }\ndetection: { s: { usr_id: x }, condition: s }\n',
    );
    const only = ['--no-shipped', '--rules', folder];
    const lines = [0, 10, 20, 200].map(s =>
      nativeLine(s, {
        ts: new Date(Date.UTC(2026, 4, 1, 0, 0, s)).toISOString(),
        status: 'error',
        user_id: "o'ann",
      }),
    );
    writeFileSync(box.path('in.ndjson'), lines.join(''));
    const [lint, tried, listed, shown, sql, evidence, ingested] = await Promise.all([
      box.run(['rules', 'lint', ...only]),
      box.run(['rules', 'test', ...only]),
      box.run(['rules', 'list', ...only, '--parts', '--format', 'json']),
      box.run(['rules', 'show', 'three-failures', ...only]),
      box.run(['rules', 'sql', 'three', ...only]),
      box.run(['rules', 'sql', 'three', ...only, '--evidence']),
      box.run(['ingest', box.path('in.ndjson')]),
    ]);
    assert.equal(ingested.code, 0, ingested.stderr);
    assert.equal(lint.code, 2);
    assert.match(
      lint.stdout,
      /wrong\.yml:3:\d+: UNKNOWN_FIELD: there is no field usr_id; did you mean user_id\?/,
    );
    assert.deepEqual(
      [tried.code, tried.stdout],
      [2, 'ok      three-failures: three, three within the hour, three behind it\n'],
    );
    const rows = JSON.parse(listed.stdout) as { name: string; level: string; kind: string; whose: string }[];
    assert.deepEqual(
      rows.map(r => [r.name, r.level, r.kind, r.whose]),
      [
        ['three-failures', 'high', 'event_count', `${own}/three.yml`],
        ['failure', 'medium', 'match', `${own}/three.yml`],
      ],
    );
    assert.equal(shown.stdout, THREE);
    const hits = await box.run(['query', '-', '--format', 'json'], sql.stdout);
    assert.equal(hits.code, 0, hits.stderr);
    const [hit, ...more] = JSON.parse(hits.stdout) as Record<string, unknown>[];
    assert.deepEqual(more, []);
    assert.deepEqual(
      [hit!['ts'], hit!['from_ts'], hit!['value'], hit!['entity']],
      ['2026-05-01T00:00:20.000000Z', '2026-05-01T00:00:00.000000Z', 3, ["o'ann"]],
    );
    const asked = { from: String(hit!['from_ts']), to: String(hit!['ts']), e1: "o'ann" };
    const parameters = Object.entries(asked).flatMap(([name, value]) => ['--param', `${name}=${value}`]);
    const found = await box.run(['query', '-', '--format', 'ndjson', ...parameters], evidence.stdout);
    assert.equal(found.stdout.trim().split('\n').length, 3, found.stderr);
  }));

test('a test that fails answers 1', () =>
  withStore(async box => {
    const folder = box.path('rules');
    mkdirSync(folder);
    writeFileSync(`${folder}/three.yml`, THREE.replace('gte: 3', 'gte: 4'));
    const run = await box.run(['rules', 'test', '--no-shipped', '--rules', folder]);
    assert.equal(run.code, 1);
    assert.match(
      run.stdout,
      /FAILED {2}three-failures: .*\n.*expected and not found: user_id ann at 2026-05-01T00:00:20.000Z/,
    );
  }));
