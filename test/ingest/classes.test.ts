import assert from 'node:assert/strict';
import { appendFileSync, existsSync, readdirSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { idsByClass, opened, policyOf, putPolicy, segmentsOf } from '../classes.ts';
import { manifestsIn } from '../manifests.ts';
import { nativeLine, nativeLines, type Sandbox, withStore } from '../sandbox.ts';

const POLICY = policyOf(
  ['logins', 'event_type', 'auth', 'admin'],
  ['large', 'model', '*-70b*'],
  ['machines', 'user_kind', 'service', 'api_key'],
  ['gateway', 'source_id', 'gw'],
);

async function ingested(box: Sandbox, args: string[], input = ''): Promise<Record<string, unknown>> {
  const run = await box.run(['ingest', '--json', ...args], input);
  assert.ok(run.code === 0 || run.code === 3, run.stderr);
  return JSON.parse(run.stdout) as Record<string, unknown>;
}

async function checked(box: Sandbox): Promise<number> {
  const run = await box.run(['verify', '--records', '--format', 'json']);
  const report = JSON.parse(run.stdout) as { findings: unknown[]; checked: { recomputed: number } };
  assert.deepEqual([run.code, report.findings], [0, []]);
  return report.checked.recomputed;
}

test('the first rule that fits says the class, by event type, pattern of the model, kind of user and source; no rule, the default', () =>
  withStore(async box => {
    const policy = await putPolicy(box, POLICY);
    const lines = [
      nativeLine(0),
      nativeLine(1, { event_type: 'auth' }),
      nativeLine(2, { model: 'llama-3-70b-instruct' }),
      nativeLine(3, { model: 'llama-3-70', user_kind: 'service' }),
      nativeLine(4, { user_kind: 'human' }),
      nativeLine(5, { event_type: 'admin', model: 'x-70b', user_kind: 'service' }),
      nativeLine(6, { model: 'x-70b', user_kind: 'api_key' }),
    ];
    const summary = await ingested(box, [], lines.join(''));
    assert.equal(summary['segments'], 4);
    await ingested(box, ['--source', 'gw'], nativeLine(7) + nativeLine(8, { event_type: 'auth' }));
    assert.deepEqual(await idsByClass(box), {
      default: ['r-0', 'r-4'],
      large: ['r-2', 'r-6'],
      logins: ['r-1', 'r-5', 'r-8'],
      machines: ['r-3'],
      gateway: ['r-7'],
    });
    const segments = segmentsOf(box);
    assert.deepEqual(
      segments.map(s => [s.class, s.part?.index, s.part?.of, s.policy]),
      [
        ['default', 0, 4, policy],
        ['large', 1, 4, policy],
        ['logins', 2, 4, policy],
        ['machines', 3, 4, policy],
        ['gateway', 0, 2, policy],
        ['logins', 1, 2, policy],
      ],
    );
    assert.equal(await checked(box), 9);
    assert.deepEqual(readdirSync(`${box.store}/open`), []);
  }));

test('of a file the first part has range, rejected lines and counts; all parts add up, and it is read once', () =>
  withStore(async box => {
    await putPolicy(box, POLICY);
    const file = box.path('a.ndjson');
    const more = [{}, { event_type: 'auth' }, { model: 'm-70b' }];
    const line = (n: number): string => nativeLine(n, more[n % 3]);
    const lines = Array.from({ length: 30 }, (_, n) => line(n));
    writeFileSync(file, `${lines.join('')}no json\n\n`);
    const counts = { read: 32, records: 30, rejected: 1, skipped: 1, segments: 3 };
    const first = await ingested(box, [file]);
    assert.deepEqual(Object.fromEntries(Object.keys(counts).map(name => [name, first[name]])), counts);
    const parts = manifestsIn(opened(box).at);
    const none = {
      source: 'a.ndjson',
      read: 0,
      records: 10,
      rejected: 0,
      blank: 0,
      not_a_request: 0,
      part: 0,
    };
    assert.deepEqual(
      parts.map(s => s.lines),
      [[{ ...none, read: 32, rejected: 1, blank: 1 }], [none], [none]],
    );
    assert.deepEqual(
      parts.map(s => [s.class, s.rejected?.count, s.sources.map(r => [r.from, r.to])]),
      [
        ['default', 1, [[0, lines.join('').length + 9]]],
        ['large', undefined, []],
        ['logins', undefined, []],
      ],
    );
    const again = await ingested(box, [file]);
    assert.deepEqual([again['read'], again['segments']], [0, 0]);
    // Only the one class: its segment is no part, and carries the range by itself.
    appendFileSync(file, line(31) + line(34));
    assert.equal((await ingested(box, [file]))['records'], 2);
    assert.deepEqual(
      segmentsOf(box).map(s => [s.class, s.part?.of]),
      [
        ['default', 3],
        ['large', 3],
        ['logins', 3],
        ['logins', undefined],
      ],
    );
    assert.equal(await checked(box), 32);
    const status = JSON.parse((await box.run(['status', '--format', 'json'])).stdout) as { lines: unknown };
    assert.deepEqual(status.lines, [{ ...none, read: 34, records: 32, rejected: 1, blank: 1 }]);
  }));

test('where no record is of the default class, rejected lines are a first part without records', () =>
  withStore(async box => {
    await putPolicy(box, POLICY);
    await ingested(
      box,
      ['--source', 'gw', '--format', 'auto-line'],
      `${nativeLine(0)}{"when":"2026-05-01T00:00:07Z"}\n`,
    );
    assert.deepEqual(
      segmentsOf(box).map(s => [s.class, s.records, s.rejected?.count, s.payload === undefined]),
      [
        ['default', 0, 1, true],
        ['gateway', 1, undefined, false],
      ],
    );
    // Read again, it is of the class of its source, and its segment says from which line it came.
    writeFileSync(box.path('w.yaml'), 'name: w\ntime: when\n');
    assert.equal((await box.run(['quarantine', 'retry', '--map', box.path('w.yaml')])).code, 0);
    const last = segmentsOf(box).at(-1)!;
    assert.deepEqual(
      [last.class, last.part, last.retried],
      ['gateway', undefined, [{ segment: 0, ranges: [[1, 1]] }]],
    );
    assert.equal(await checked(box), 2);
  }));

test('a policy that comes while an ingest runs counts from the segment behind the next', () =>
  withStore(async box => {
    const { child, done } = box.start(['ingest', '--acks', '--seal-records', '4']);
    const sealed = async (n: number): Promise<void> => {
      for (let i = 0; segmentsOf(box).length < n || existsSync(`${box.store}/lock`); i++) {
        assert.ok(i < 600, `${segmentsOf(box).length} segments after 30 s`);
        await sleep(50);
      }
    };
    child.stdin.write(nativeLines(4));
    await sealed(1);
    const policy = await putPolicy(box, policyOf(['small', 'model', 'qwen*']));
    child.stdin.write(nativeLines(4, 4));
    await sealed(2);
    child.stdin.end(nativeLines(4, 8));
    assert.equal((await done).code, 0);
    assert.deepEqual(
      segmentsOf(box).map(s => [s.class, s.policy]),
      [
        ['default', 0],
        ['default', policy],
        ['small', policy],
      ],
    );
  }));

test('lines that other threads read get their class there', () =>
  withStore(async box => {
    await putPolicy(box, POLICY);
    const count = 7000;
    const pad = 'x'.repeat(1000);
    const more = [{ pad }, { pad, event_type: 'auth' }, { pad, model: 'm-70b' }];
    const file = box.path('large.ndjson');
    writeFileSync(file, Array.from({ length: count }, (_, n) => nativeLine(n, more[n % 3])).join(''));
    assert.equal((await ingested(box, [file]))['records'], count);
    const every = (rest: number): string[] =>
      Array.from({ length: count }, (_, n) => n).flatMap(n => (n % 3 === rest ? [`r-${n}`] : []));
    assert.deepEqual(await idsByClass(box), { default: every(0), logins: every(1), large: every(2) });
  }));
