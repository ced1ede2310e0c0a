import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { test } from 'node:test';
import { nativeLines, withStore } from '../sandbox.ts';

test('nothing that is written takes the place of a file of the store or of a key', () =>
  withStore(async box => {
    await box.run(['ingest'], nativeLines(2));
    const checkpoint = `${box.store}/log/checkpoint`;
    const before = readFileSync(checkpoint, 'utf8');
    mkdirSync(box.path('links'));
    symlinkSync(`${box.store}/log`, box.path('links', 'log'));
    const sql = 'select count(*) from records';
    for (const args of [
      ['query', sql, '-o', checkpoint],
      ['query', sql, '-o', box.path('links', 'log', 'checkpoint')],
      ['query', sql, '--receipt', checkpoint],
      ['verify', '--report', checkpoint],
      ['export', '-o', `${box.keys}/test.example+log/log.key`],
      ['pack', '-o', `${box.store}/records/p`],
      ['prove', '0', '-o', `${box.store}/log`],
    ]) {
      const { code, stderr } = await box.run(args);
      assert.deepEqual(
        [code, /holds the store or its keys\nhint: name another place/.test(stderr)],
        [2, true],
        args.join(' '),
      );
    }
    assert.equal(readFileSync(checkpoint, 'utf8'), before);
    assert.equal((await box.run(['verify'])).code, 0);
  }));

test('what never ends is not read to its end', () =>
  withStore(async box => {
    for (const args of [
      ['policy', 'set', '/dev/zero', '--dry-run'],
      ['query', '-f', '/dev/zero'],
      ['verify', '--since-head', '/dev/zero'],
    ]) {
      const { code, stderr } = await box.run(args);
      assert.equal(code, 2, stderr);
      assert.match(stderr, /too large|more than \d+ bytes/);
    }
  }));
