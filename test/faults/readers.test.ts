import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nativeLines, withStore } from '../sandbox.ts';

test('verify and query in a loop beside two ingests that seal all the time: never a false finding', () =>
  withStore(async box => {
    const writers = [0, 1].map(i =>
      box.run(['ingest', '--seal-records', '20'], nativeLines(360, i * 10_000)),
    );
    let writing = true;
    const written = Promise.all(writers).finally(() => (writing = false));
    let [rounds, seen] = [0, 0];
    const isWriting = (): boolean => writing;
    while (isWriting()) {
      const [verified, asked] = await Promise.all([
        box.run(['verify', '--records', '--format', 'json']),
        box.run([
          'query',
          'select count(*) n, count(distinct request_id) ids from records',
          '--format',
          'json',
        ]),
      ]);
      assert.equal(verified.code, 0, verified.stdout + verified.stderr);
      assert.equal(asked.code, 0, asked.stderr);
      const [{ n, ids }] = JSON.parse(asked.stdout) as [{ n: number; ids: number }];
      assert.equal(n, ids, 'a record was seen twice');
      assert.ok(n >= seen, `${n} records after ${seen}`);
      seen = n;
      rounds++;
    }
    assert.deepEqual(
      (await written).map(r => r.code),
      [0, 0],
    );
    assert.ok(rounds >= 3, `${rounds} rounds beside the writers`);
    const last = await box.run(['query', 'select count(*) n from records', '--format', 'json']);
    assert.equal(last.stdout, '[{"n":720}]\n');
  }));
