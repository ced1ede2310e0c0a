import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { bytesBetween } from '../../src/ingest/file.ts';
import { withStore } from '../sandbox.ts';

test('a pipe that takes the place of a file once it was looked at is no file, and nobody waits for its writer', () =>
  withStore(async box => {
    const path = box.path('access.ndjson');
    assert.equal(spawnSync('mkfifo', [path]).status, 0);
    const reading = bytesBetween({ path, gzip: false }, 0, Infinity).next();
    await assert.rejects(reading, { code: 'INPUT_UNREADABLE' });
  }));
