import assert from 'node:assert/strict';
import { appendFileSync, rmSync } from 'node:fs';
import { test } from 'node:test';
import { withStore } from '../sandbox.ts';

const NEVER = { removed: 0, retried: null };
const good = '{"ts":"2026-05-01T00:00:07Z"}';

test('rejected lines are listed with reason and place, and opened as they came', () =>
  withStore(async box => {
    const lines = [good, '{"ts":', `{"prompt":"red"}`, good];
    await box.run(['ingest', '--source', 'gw'], `${lines.join('\n')}\n`);
    await box.run(
      ['ingest', '--source', 'big', '--max-line', '1KiB'],
      `${good}\n{"a":"${'x'.repeat(100_000)}"}\n`,
    );
    const all = await box.run(['quarantine', 'list', '--format', 'ndjson']);
    assert.equal(all.code, 0, all.stderr);
    const rows = all.stdout
      .trimEnd()
      .split('\n')
      .map(l => JSON.parse(l) as Record<string, unknown>);
    assert.deepEqual(
      rows.map(({ sealed_at: _at, ...rest }) => rest),
      [
        { id: '0.1', reason: 'not_json', source: 'gw', line: 2, offset: 30, length: 6, ...NEVER },
        { id: '0.2', reason: 'no_time', source: 'gw', line: 3, offset: 37, length: 16, ...NEVER },
        { id: '1.1', reason: 'too_long', source: 'big', line: 2, offset: 30, length: 100_008, ...NEVER },
      ],
    );
    const some = await box.run([
      'quarantine',
      'list',
      '--reason',
      'no_time',
      '--source',
      'gw',
      '--format',
      'csv',
    ]);
    assert.match(
      some.stdout,
      /^id,sealed_at,reason,source,line,offset,length,removed,retried\n0\.2,[^\n]+\n$/,
    );

    const ids = async (...more: string[]): Promise<string> =>
      (await box.run(['quarantine', 'list', '--format', 'csv', ...more])).stdout.replaceAll(
        /,.*|^id.*\n/gm,
        '',
      );
    const second = String(rows[2]!['sealed_at']);
    assert.deepEqual(
      [await ids('--limit', '2'), await ids('--since', second), await ids('--until', second, '--limit', '1')],
      ['0.1\n0.2\n', '1.1\n', '0.1\n'],
    );
    const retry = await box.run(['quarantine', 'retry', '--since', second, '--dry-run', '--json']);
    assert.equal((JSON.parse(retry.stdout) as { lines: number }).lines, 1);

    const json = await box.run(['quarantine', 'show', '0.2', '--json']);
    const { held, reason } = JSON.parse(json.stdout) as Record<string, unknown>;
    assert.deepEqual([held, reason, json.stderr], [lines[2], 'no_time', '']);
    const shown = await box.run(['quarantine', 'show', '0.2']);
    assert.deepEqual([shown.code, shown.stdout], [0, `${lines[2]}\n`]);
    assert.match(shown.stderr, /^no_time: line 3 of gw, 16 bytes$/m);
    const long = await box.run(['quarantine', 'show', '1.1']);
    assert.equal(long.stdout.length, 65_537);
    assert.match(long.stderr, /65,536 bytes of it were kept/);
    for (const id of ['0.3', '7.1', 'x', '0.0']) {
      const none = await box.run(['quarantine', 'show', id]);
      assert.deepEqual([none.code, /no rejected line is called/.test(none.stderr)], [2, true], id);
    }
  }));

test('a quarantine file that was altered, or is missing, is not read: the answer is 1', () =>
  withStore(async box => {
    await box.run(['ingest'], `${good}\nnot json\n`);
    const path = `${box.store}/quarantine/00000000.ndjson`;
    appendFileSync(path, '{}\n');
    const altered = await box.run(['quarantine', 'list']);
    assert.deepEqual([altered.code, /are not those that were sealed/.test(altered.stderr)], [1, true]);
    rmSync(path);
    const missing = await box.run(['quarantine', 'show', '0.1']);
    assert.deepEqual([missing.code, /are missing/.test(missing.stderr)], [1, true]);
  }));
