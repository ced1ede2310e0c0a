import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { nativeLines, withStore } from '../sandbox.ts';

test('more files than a process may hold open are no stack: the sentence says what joins them, or asks for less', () =>
  withStore(async box => {
    assert.equal((await box.run(['ingest', '--seal-records', '1'], nativeLines(90))).code, 0);
    const binary = `${process.cwd()}/bin/slmaudit`;
    const asked = (...more: string[]): ReturnType<typeof spawnSync> =>
      spawnSync(
        'sh',
        [
          '-c',
          'ulimit -n 90; exec "$@"',
          'sh',
          process.execPath,
          binary,
          'search',
          '--limit',
          '99',
          '-q',
          ...more,
        ],
        { env: box.env, encoding: 'utf8' },
      );
    const { status, stdout, stderr } = asked();
    assert.deepEqual([status, stdout], [2, '']);
    assert.match(
      String(stderr),
      /^slmaudit: error: more than \d+ files of records would have to be open at once\nhint: run `slmaudit compact`.*--since and --until.*ulimit -n/,
    );
    const some = asked('--until', '2026-05-01T00:00:05Z', '--format', 'ndjson');
    assert.deepEqual(
      [some.status, String(some.stdout).trim().split('\n').length],
      [0, 5],
      String(some.stderr),
    );
  }));
