import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readRemembered, remember } from '../../src/store/remembered.ts';

const top = mkdtempSync(join(tmpdir(), 'slmaudit-remembered-'));
after(() => rmSync(top, { recursive: true }));

const at = (name: string): Parameters<typeof remember>[0] => ({
  folder: join(top, name),
  name: 'log',
  form: 'test/1',
  genesis: Buffer.alloc(32),
});

test('what is remembered is read again, by this log and this form alone', () => {
  remember(at('a'), 'body');
  assert.equal(readRemembered(at('a')), 'body');
  assert.equal(readRemembered({ ...at('a'), form: 'test/2' }), undefined);
  assert.equal(readRemembered({ ...at('a'), genesis: Buffer.alloc(32, 1) }), undefined);
});

test('where others may write, nothing is remembered: they could have made the key', () => {
  for (const [name, path] of [
    ['folder', ''],
    ['key', 'key'],
  ] as const) {
    remember(at(name), 'body');
    chmodSync(join(top, name, path), path === '' ? 0o770 : 0o620);
    assert.equal(readRemembered(at(name)), undefined, name);
  }
});

test("in another user's home nothing is believed, and nothing is written", t => {
  if (process.getuid?.() !== 0) return t.skip('only root can give a folder away');
  remember(at('theirs'), 'body');
  chownSync(join(top, 'theirs'), 65_534, 65_534);
  assert.equal(readRemembered(at('theirs')), undefined);
  rmSync(join(top, 'theirs', 'log'));
  remember(at('theirs'), 'body');
  assert.deepEqual(readdirSync(join(top, 'theirs')), ['key']);
  return undefined;
});
