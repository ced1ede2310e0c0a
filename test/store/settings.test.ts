import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { AuditError } from '../../src/errors.ts';
import { removeFile } from '../../src/store/durable.ts';
import { readSettings, writeSettings } from '../../src/store/settings.ts';

const folder = mkdtempSync(join(tmpdir(), 'slmaudit-settings-'));
after(() => rmSync(folder, { recursive: true }));
const code =
  (wanted: string) =>
  (error: AuditError): boolean =>
    error.code === wanted && error.hint !== undefined;

test('settings are read as they were written; a line that is none is said, whatever its name is', () => {
  const at = { store: folder };
  assert.deepEqual(readSettings(at), { 'log-queries': 'off' });
  writeSettings(at, { 'log-queries': 'on' });
  assert.deepEqual(readSettings(at), { 'log-queries': 'on' });
  for (const line of ['log-queries', 'log-queries maybe', 'constructor x', '__proto__ x', 'toString on']) {
    writeFileSync(join(folder, 'settings'), `${line}\n`);
    assert.throws(() => readSettings(at), code('SETTINGS_MALFORMED'), line);
  }
});

test('a file that is gone already is removed; a folder in its place is somebody else’s to remove', () => {
  removeFile(join(folder, 'none'));
  mkdirSync(join(folder, 'made'));
  assert.throws(() => removeFile(join(folder, 'made')), code('UNSAFE_PATH'));
});
