import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { TEMPORARY } from '../../src/store/durable.ts';
import { type Sandbox, withStore } from '../sandbox.ts';

const MAP = 'name: w\ntime: when\ncolumns:\n  user_id: who\n';
const line = (i: number): string =>
  JSON.stringify({ a: i, when: `2026-05-01T00:00:${String(i % 60).padStart(2, '0')}Z`, who: `u${i}` });

async function rejected(box: Sandbox, count: number): Promise<void> {
  const lines = Array.from({ length: count }, (_, i) => line(i));
  const run = await box.run(
    ['ingest', '--source', 'gw', '--format', 'auto-line'],
    `${[...lines, 'no json', '{"ts":"2026-05-01T00:00:07Z"}', ''].join('\n')}\n`,
  );
  assert.equal(run.code, 3, run.stderr);
  writeFileSync(box.path('w.yaml'), MAP);
}

const records = async (box: Sandbox, sql: string): Promise<string[]> => {
  const run = await box.run(['query', sql, '--format', 'csv']);
  assert.equal(run.code, 0, run.stderr);
  return run.stdout.trimEnd().split('\n').slice(1);
};
const retryArgs = (box: Sandbox): string[] => ['quarantine', 'retry', '--map', box.path('w.yaml'), '--json'];

test('what a map can read is sealed with the line it came from, once, and the rest stays', () =>
  withStore(async box => {
    await rejected(box, 3);
    const before = box.files();
    const dry = await box.run([...retryArgs(box), '--dry-run']);
    const would = { lines: 4, retried: 3, records: 3, segments: 0, left: { not_json: 1 } };
    assert.deepEqual([dry.code, JSON.parse(dry.stdout)], [3, would]);
    assert.deepEqual(box.files(), before);

    const run = await box.run(retryArgs(box));
    assert.deepEqual([run.code, JSON.parse(run.stdout)], [3, { ...would, segments: 1 }]);
    const again = await box.run(retryArgs(box));
    assert.deepEqual(JSON.parse(again.stdout), { ...would, lines: 1, retried: 0, records: 0 });
    assert.deepEqual(
      await records(
        box,
        `select seq, user_id, source_id, source_format, extra->>'_retried' from records order by seq`,
      ),
      ['0,,gw,native,', '1,u0,gw,map:w,0.1', '2,u1,gw,map:w,0.2', '3,u2,gw,map:w,0.3'],
    );

    const list = async (...more: string[]): Promise<string[]> =>
      (await box.run(['quarantine', 'list', '--format', 'csv', ...more])).stdout
        .trimEnd()
        .split('\n')
        .slice(1)
        .map(row => row.replace(/,.*,/, ' '));
    assert.deepEqual(await list(), ['0.4 ']);
    assert.deepEqual(await list('--all'), ['0.1 1', '0.2 1', '0.3 1', '0.4 ']);
    assert.match((await box.run(['quarantine', 'show', '0.2'])).stderr, /a record by now, in segment 1/);
    assert.equal((await box.run(['verify', '--records'])).code, 0);

    const status = JSON.parse((await box.run(['status', '--format', 'json'])).stdout) as Record<
      string,
      unknown
    >;
    assert.deepEqual(
      [status['rejected'], status['retried'], status['lines']],
      [4, 3, [{ source: 'gw', read: 6, records: 4, rejected: 4, blank: 1, not_a_request: 0, part: 0 }]],
    );
  }));

test('lines can be named; a name that is none stops it before anything is written', () =>
  withStore(async box => {
    await rejected(box, 3);
    const none = await box.run([...retryArgs(box), '0.1', '7.7']);
    assert.deepEqual([none.code, /no rejected line is called 7\.7/.test(none.stderr)], [2, true]);
    const one = await box.run([...retryArgs(box), '0.2']);
    assert.deepEqual([one.code, (JSON.parse(one.stdout) as { records: number }).records], [0, 1]);
    assert.deepEqual(await records(box, 'select user_id from records where user_id is not null'), ['u1']);
  }));

test('a request spread over rejected lines becomes one record', () =>
  withStore(async box => {
    const parts = [
      '{"timestamp":"2026-05-01T00:00:07.603000","event":"request.received","rid":"r1","obj":{"text":"hi"}}',
      '{"timestamp":"2026-05-01T00:00:09.603000","event":"request.finished","rid":"r1","out":{"meta_info":{"prompt_tokens":3,"completion_tokens":4,"e2e_latency":2}}}',
    ];
    const run = await box.run(['ingest', '--format', 'okta'], `${parts.join('\n')}\n`);
    assert.equal(run.code, 3, run.stderr);
    const retried = await box.run(['quarantine', 'retry', '--json']);
    const { lines, retried: read, records: made } = JSON.parse(retried.stdout) as Record<string, number>;
    assert.deepEqual([retried.code, lines, read, made], [0, 2, 2, 1], retried.stderr);
    assert.deepEqual(await records(box, 'select source_format, output_tokens from records'), ['sglang,4']);
    assert.equal((await box.run(['verify', '--records'])).code, 0);
  }));

test('a retry that is killed at any moment leaves each line read once or not at all', () =>
  withStore(async box => {
    const count = 2000;
    await rejected(box, count);
    for (const wait of [150, 250, 350, 450, 600]) {
      const started = box.start(retryArgs(box));
      await sleep(wait);
      started.child.kill('SIGKILL');
      await started.done;
    }
    const last = await box.run(retryArgs(box));
    assert.equal(last.code, 3, last.stderr);
    assert.deepEqual(
      await records(box, 'select count(*), count(distinct user_id) from records where user_id is not null'),
      [`${count},${count}`],
    );
    const verify = await box.run(['verify', '--records']);
    assert.equal(verify.code, 0, verify.stdout);
    // A temporary file of the last one that was killed stays for a minute: it could be another's who is at work.
    const left = readdirSync(`${box.store}/open`).filter(name => !TEMPORARY.test(name));
    assert.deepEqual(left, []);
  }));
